//! `berth ops block`: takes berths out of sale.

use berth_client::v1;

use super::berths::{BerthsArgs, BerthsChangeView, Done};
use crate::answer::Answer as _;
use crate::reserve::request_id;
use crate::said::{Fault, Said};

/// Asks and tells.
pub async fn run(args: &BerthsArgs) -> Result<Said, Fault> {
    let request = v1::BlockBerthsRequest {
        request_id: request_id(args.request_id),
        train: args.run.train.clone(),
        start_date: args.run.start_date(&args.target)?,
        berths: args.berths.clone(),
        from_stop: args.from.clone(),
        to_stop: args.to.clone(),
    };
    let answer = args.target.admin().await?.block_berths(request).await?;
    answer.tell(|change, version, now| {
        Ok(BerthsChangeView::of(Done::Blocked, change, version, now).said())
    })
}
