//! Open or close sale of the pools of a class, of a quota, of both, or of all.

use super::{Decision, Then, Verdict};
use crate::answer::Said;
use crate::{Event, Pool, Refusal, Run, SaleChange};

pub(super) fn decide(run: &Run, ask: SaleChange) -> Decision {
    run.refuse_reused_id(ask.request.id)?;
    let plan = &run.plan;
    let of_class = |pool: &&Pool| ask.class.is_none_or(|class| class == pool.class);
    if let Some(class) = ask.class
        && !plan.classes().contains(&class)
    {
        let (train, has) = (plan.number(), plan.classes().into());
        return Err(Refusal::UnknownClass { train, class, has });
    }
    let meant = |pool: &Pool| of_class(&pool) && ask.quota.is_none_or(|quota| quota == pool.quota);
    let pools = (plan.pools().iter().enumerate())
        .filter(|(_, pool)| meant(pool))
        .fold(0u64, |bits, (index, _)| bits | 1 << index);
    if let Some(quota) = ask.quota
        && pools == 0
    {
        let mut has: Vec<_> = plan.pools().iter().filter(of_class).map(|p| p.quota).collect();
        has.sort_unstable();
        has.dedup();
        let class = ask.class.unwrap_or(plan.classes()[0]);
        return Err(Refusal::UnknownQuota { class, quota, legs: plan.route(), has });
    }
    let changed = if ask.open { pools & run.closed } else { pools & !run.closed };
    if changed == 0 {
        return Ok(Verdict::Known(Said::Sale(pools)));
    }
    // From here on the change must succeed.
    Ok(Verdict::take(Event::SaleSet { pools: changed, open: ask.open }, Then::Sale(pools)))
}
