//! What is written against what prost makes of the message, byte for byte.

use std::sync::Arc;

use berth_inventory::{Date, PoolIndex, RunCreated, RunId, TravelClass};
use proptest::prelude::*;
use prost::Message as _;

use super::super::write::tests::plan;
use super::*;

fn row() -> impl Strategy<Value = (usize, SaleStatus, u16)> {
    let at = prop_oneof![1_700_000_000_000..2_000_000_000_000u64, any::<u64>()];
    let status = prop_oneof![
        any::<u16>().prop_map(SaleStatus::Available),
        Just(SaleStatus::SoldOut),
        any::<u16>().prop_map(SaleStatus::Rac),
        any::<u16>().prop_map(SaleStatus::Waiting),
        any::<u16>().prop_map(SaleStatus::Regret),
        at.prop_map(|at| SaleStatus::NotOpen(UnixMillis(at))),
        Just(SaleStatus::Closed),
    ];
    (any::<usize>(), status, any::<u16>())
}

proptest! {
    #![proptest_config(ProptestConfig {
        failure_persistence: None,
        cases: 96,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_table_is_what_prost_writes(
        rows in proptest::collection::vec(row(), 0..6),
        (from, more) in (0..4u8, 0..4u8),
        days in 0..40_000i32,
        version in any::<u64>(),
        as_of in any::<u64>(),
    ) {
        let plan = plan();
        let legs = LegRange { from, to: from + 1 + more % (4 - from) };
        let row = |(pool, status, free): (usize, SaleStatus, u16)| PoolRow {
            pool: PoolIndex((pool % plan.pools().len()) as u8),
            status,
            free,
        };
        let run = RunId { train: plan.number(), start_date: Date::from_days(days) };
        let (opens, midnight) = (vec![UnixMillis(0); plan.pools().len()], UnixMillis(0));
        let created = RunCreated { run, plan: plan.hash(), midnight, opens, extra: false };
        let of = RunTable::untouched(Arc::clone(&plan), created);
        let table = Table::new(of, legs, rows.into_iter().map(row).collect());
        let expected = v1::QueryResponse {
            run_version: version,
            as_of: Some(timestamp(UnixMillis(as_of))),
            outcome: Some(v1::query_response::Outcome::Table(table.message())),
        };
        let mut pen = Pen::default();
        let names = Names::new(&[7; 32], 1);
        query_response(&mut pen, Version(version), UnixMillis(as_of), &Ok(table), &names);
        prop_assert_eq!(pen.written(), expected.encode_to_vec());
    }
}

#[test]
fn a_refused_query_is_what_prost_writes() {
    let plan = plan();
    let (train, class) = (plan.number(), TravelClass::Sleeper);
    let names = Names::new(&[7; 32], 1);
    for why in
        [Refusal::UnknownTrain { train }, Refusal::UnknownClass { train, class, has: vec![] }]
    {
        let refusal = super::super::refusal::refusal(&why, &names);
        let expected = v1::QueryResponse {
            run_version: 0,
            as_of: Some(timestamp(UnixMillis(5_000))),
            outcome: Some(v1::query_response::Outcome::Refusal(refusal)),
        };
        let mut pen = Pen::default();
        query_response(&mut pen, Version(0), UnixMillis(5_000), &Err(why), &names);
        assert_eq!(pen.written(), expected.encode_to_vec());
    }
}
