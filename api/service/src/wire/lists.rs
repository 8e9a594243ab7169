//! Lists as people know them: `GNWL13/WL10` is a booking status and a current one.

use berth_engine::node::Names;
use berth_inventory::{ListIndex, ListKind, ListedView, Plan, Promoted, SeatState, Standing};
use berth_proto::v1;

/// What an allocation says of a passenger who had no berth of their own at first.
pub(super) fn status(plan: &Plan, listed: &ListedView, state: SeatState) -> v1::ListStatus {
    let Standing { list, number } = listed.booked;
    let label = plan.list(list).label;
    let live = matches!(state, SeatState::Held | SeatState::Confirmed);
    let current = listed.current.filter(|_| live);
    let now = match current {
        Some(current) => format!("{}{}", short(plan, current.list), current.position),
        None if live => "CNF".into(),
        None => "-".into(),
    };
    v1::ListStatus {
        booked_list: label.to_string(),
        booked_number: number,
        current_list: current.map_or_else(String::new, |c| plan.list(c.list).label.to_string()),
        current_position: current.map_or(0, |current| current.position.into()),
        text: format!("{label}{number}/{now}"),
    }
}

/// Every waiting list is WL in a current status.
fn short(plan: &Plan, list: ListIndex) -> &'static str {
    match plan.list(list).kind {
        ListKind::Rac => "RAC",
        ListKind::Waiting => "WL",
    }
}

/// Somebody who got a better place.
pub(super) fn promotion(plan: &Plan, promoted: &Promoted, names: &Names) -> v1::Promotion {
    let berth = plan.berth_name(promoted.berth);
    let text =
        |standing: &Standing| format!("{}{}", plan.list(standing.list).label, standing.number);
    v1::Promotion {
        pnr: promoted.pnr.map_or_else(String::new, |pnr| names.print_pnr(pnr).to_string()),
        passenger: u32::from(promoted.passenger) + 1,
        from: text(&promoted.from),
        to: promoted.to.as_ref().map_or_else(|| "CNF".into(), text),
        coach: berth.coach.into(),
        berth: berth.number.into(),
    }
}

/// One of these passengers, if they were ever on a list.
pub(super) fn of(listed: Option<&[ListedView]>, place: usize) -> Option<&ListedView> {
    listed?.iter().find(|listed| usize::from(listed.passenger) == place)
}
