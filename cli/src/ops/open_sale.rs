//! `berth ops open-sale`: lets pools that were closed be sold again.

use berth_client::v1;

use super::sale::{SaleArgs, SaleView};
use crate::answer::Answer as _;
use crate::reserve::request_id;
use crate::said::{Fault, Said};

/// Asks and tells.
pub async fn run(args: &SaleArgs) -> Result<Said, Fault> {
    let request = v1::OpenSaleRequest {
        request_id: request_id(args.request_id),
        train: args.run.train.clone(),
        start_date: args.run.start_date(&args.target)?,
        travel_class: args.class.unwrap_or_default().into(),
        quota: args.quota.clone(),
    };
    let answer = args.target.admin().await?.open_sale(request).await?;
    answer.tell(|sale, version, now| Ok(SaleView::of(sale, version, now).said()))
}
