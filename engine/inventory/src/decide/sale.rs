//! Open or close sale of the pools of a class, of a quota, of both, or of all.

use super::{Decision, Events, Ruling, Then, take};
use crate::answer::Said;
use crate::{Event, Pool, Refusal, Run, SaleChange};

pub(super) fn decide(run: &Run, ask: SaleChange, events: &mut Events) -> Decision {
    run.refuse_reused_id(ask.request.id)?;
    let plan = &run.plan;
    let of_class = |pool: &&Pool| ask.class.is_none_or(|class| class == pool.class);
    if let Some(class) = ask.class
        && !plan.classes().contains(&class)
    {
        let (train, has) = (plan.number(), plan.classes().into());
        return Err(Refusal::UnknownClass { train, class, has }.into());
    }
    let meant = |pool: &Pool| {
        pool.halves_of.is_none()
            && of_class(&pool)
            && ask.quota.is_none_or(|quota| quota == pool.quota)
    };
    let pools = (plan.pools().iter().enumerate())
        .filter(|(_, pool)| meant(pool))
        .fold(0u64, |bits, (index, _)| bits | 1 << index);
    if let Some(quota) = ask.quota
        && pools == 0
    {
        let mut has: Vec<_> = plan
            .pools()
            .iter()
            .filter(of_class)
            .filter(|p| p.halves_of.is_none())
            .map(|p| p.quota)
            .collect();
        has.sort_unstable();
        has.dedup();
        let class = ask.class.unwrap_or(plan.classes()[0]);
        return Err(Refusal::UnknownQuota { class, quota, legs: plan.route(), has }.into());
    }
    let changed = if ask.open { pools & run.closed } else { pools & !run.closed };
    if changed == 0 {
        return Err(Ruling::Known(Said::Sale(pools)));
    }
    // From here on the change must succeed.
    Ok(take(events, Event::SaleSet { pools: changed, open: ask.open }, Then::Sale(pools)))
}

#[cfg(test)]
mod tests {
    use crate::tests::table::check;

    #[test]
    fn pools_are_named_by_class_by_quota_by_both_or_all() {
        check(
            "@0 close-sale a 3A GN => pools 0b1
             close-sale b GN => pools 0b1001
             close-sale c GN => known pools 0b1001
             reserve r H1 SL GN S2..S3 M30 => CLOSED
             open-sale d SL => pools 0b1000
             reserve r H1 SL GN S2..S3 M30 => H1 S1-1:held until 300
             open-sale e => pools 0b1111
             open-sale f => known pools 0b1111
             close-sale r GN => IDEMPOTENCY_MISMATCH
             close-sale g 2A LD => UNKNOWN_CLASS
             close-sale g SL LD => UNKNOWN_QUOTA SL has no quota LD on stops 1..4; it has GN
             close-sale g LD => UNKNOWN_QUOTA",
        );
    }
}
