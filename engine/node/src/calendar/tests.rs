use berth_inventory::RunningDays;

use super::*;

const KOLKATA: &str = "Asia/Kolkata";
const HOUR: u64 = 3_600_000;

fn date(text: &str) -> Date {
    text.parse().unwrap()
}

/// RFC 3339 to milliseconds, by way of jiff.
fn at(text: &str) -> UnixMillis {
    UnixMillis(text.parse::<jiff::Timestamp>().unwrap().as_millisecond() as u64)
}

fn calendar(zone: &str) -> Calendar {
    Calendar::new(zone, 60).unwrap()
}

/// 12951: daily at 17:00, last boarding on day 2 at 04:30.
const RAJDHANI: Light = Light { days: RunningDays::DAILY, last_departure: 1_710 };
/// Monday to Friday, over before noon.
const WEEKDAYS: Light = Light { days: RunningDays(0b001_1111), last_departure: 700 };
/// Saturdays only, last boarding on day 4 at 05:30, like the longest trains of the network.
const FOUR_DAYS: Light = Light { days: RunningDays(0b010_0000), last_departure: 4_650 };

fn open(calendar: &Calendar, service: Light, now: UnixMillis) -> Vec<Date> {
    calendar.open_dates(service, now).collect()
}

#[test]
fn a_virtual_week_of_three_trains_agrees_with_the_rule_at_every_half_hour() {
    let calendar = calendar(KOLKATA);
    let start = at("2026-11-22T00:00:00+05:30");
    let mut opened = [0usize; 3];
    for step in 0..7 * 48 {
        for now in [start.0 + step * HOUR / 2, start.0 + step * HOUR / 2 + 1] {
            let now = UnixMillis(now);
            let today = calendar.today(now);
            for (i, service) in [RAJDHANI, WEEKDAYS, FOUR_DAYS].into_iter().enumerate() {
                let all = open(&calendar, service, now);
                let twin: Vec<Date> = (-10..=70)
                    .map(|d| today.plus(d))
                    .filter(|d| calendar.is_open(service, *d, now))
                    .collect();
                assert_eq!(all, twin, "at {now}");
                assert_eq!(calendar.next_open(service, Date::MIN, now), all.first().copied());
                assert_eq!(calendar.next_open(service, Date::MAX, now), None);
                opened[i] = opened[i].max(all.len());
            }
        }
    }
    // Yesterday's Rajdhani until 04:30, then today's; 60 days ahead; 5/7 and 1/7 of them.
    assert_eq!(opened, [62, 45, 10]);
}

/// Where instants have no name any more, days go on as they do in UTC.
#[test]
fn the_last_days_of_all_still_have_their_minutes() {
    let calendar = calendar("America/New_York");
    let last = calendar.instant(Date::MAX, 0);
    assert_eq!(last, UnixMillis(Date::MAX.days() as u64 * 24 * HOUR));
    assert_eq!(calendar.instant(Date::MAX, 125), UnixMillis(last.0 + 2 * HOUR + 5 * 60_000));
}

#[test]
fn the_window_moves_at_midnight_to_the_millisecond() {
    let calendar = calendar(KOLKATA);
    let midnight = at("2026-11-23T00:00:00+05:30");
    let before = UnixMillis(midnight.0 - 1);
    assert_eq!(calendar.today(before), date("2026-11-22"));
    assert_eq!(calendar.today(midnight), date("2026-11-23"));
    assert_eq!(calendar.next_change(before), midnight);
    assert_eq!(calendar.next_change(midnight), at("2026-11-24T00:00:00+05:30"));
    let last = |now| open(&calendar, RAJDHANI, now).last().copied().unwrap();
    assert_eq!((last(before), last(midnight)), (date("2027-01-21"), date("2027-01-22")));
    assert!(!calendar.is_open(RAJDHANI, date("2027-01-22"), before));
    assert!(calendar.is_open(RAJDHANI, date("2027-01-22"), midnight));
}

#[test]
fn a_run_closes_at_its_last_departure_and_retires_at_the_midnight_after() {
    let calendar = calendar(KOLKATA);
    let start = date("2026-11-22");
    let departure = at("2026-11-23T04:30:00+05:30");
    assert_eq!(calendar.timetable(start, RAJDHANI.last_departure), departure);
    assert!(calendar.is_open(RAJDHANI, start, UnixMillis(departure.0 - 1)));
    assert!(!calendar.is_open(RAJDHANI, start, departure));
    assert_eq!(open(&calendar, RAJDHANI, UnixMillis(departure.0 - 1))[0], start);
    assert_eq!(open(&calendar, RAJDHANI, departure)[0], start.plus(1));
    assert_eq!(calendar.retires_at(RAJDHANI, start), at("2026-11-24T00:00:00+05:30"));
    let to_midnight = Light { last_departure: 1_440, ..RAJDHANI };
    assert_eq!(calendar.retires_at(to_midnight, start), at("2026-11-23T00:00:00+05:30"));
}

#[test]
fn a_weekday_train_names_monday_on_a_saturday() {
    let calendar = calendar(KOLKATA);
    let now = at("2026-11-21T09:00:00+05:30"); // Saturday
    let next = |from| calendar.next_open(WEEKDAYS, date(from), now);
    assert_eq!(next("2026-11-21"), Some(date("2026-11-23")));
    assert_eq!(next("2026-11-25"), Some(date("2026-11-25")));
    assert_eq!(next("2027-01-20"), Some(date("2027-01-20")), "day 60, a Wednesday");
    assert_eq!(next("2027-01-21"), None, "past the window");
    assert!(!calendar.is_open(WEEKDAYS, date("2026-11-22"), now));
    let never = Light { days: RunningDays(0), ..WEEKDAYS };
    assert_eq!(calendar.next_open(never, date("2026-11-21"), now), None);
    assert!(open(&calendar, never, now).is_empty());
}

#[test]
fn a_run_boarded_on_day_four_started_three_days_before() {
    let calendar = calendar(KOLKATA);
    let boarding = date("2026-11-24"); // Tuesday
    let start = Calendar::start_date(boarding, 4_650);
    assert_eq!(start, date("2026-11-21"));
    assert_eq!(Calendar::boarding_date(start, 4_650), boarding);
    let now = at("2026-11-24T05:29:59.999+05:30");
    assert!(calendar.is_open(FOUR_DAYS, start, now));
    assert_eq!(open(&calendar, FOUR_DAYS, now)[0], start);
    let later = UnixMillis(now.0 + 1);
    assert_eq!(calendar.next_open(FOUR_DAYS, start, later), Some(date("2026-11-28")));
    // The stops on either side of a midnight.
    for (minute, expected) in [(0, boarding), (1_439, boarding), (1_440, boarding.plus(-1))] {
        assert_eq!(Calendar::start_date(boarding, minute), expected, "{minute}");
    }
}

#[test]
fn pools_open_by_the_wall_clock_of_the_day_before() {
    let calendar = calendar(KOLKATA);
    let start = date("2026-11-24");
    let tatkal = |minute| Opens::Before { days: 1, minute };
    assert_eq!(calendar.opens_at(tatkal(600), start), at("2026-11-23T10:00:00+05:30"));
    assert_eq!(calendar.opens_at(tatkal(660), start), at("2026-11-23T11:00:00+05:30"));
    assert_eq!(calendar.opens_at(Opens::WithRun, start), UnixMillis(0));
    let arp = Opens::Before { days: 60, minute: 480 };
    assert_eq!(calendar.opens_at(arp, start), at("2026-09-25T08:00:00+05:30"));
}

#[test]
fn clocks_that_change_in_berlin() {
    let calendar = calendar("Europe/Berlin");
    // 25 October 2026 has 25 hours, 28 March 2027 has 23.
    let (autumn, spring) = (date("2026-10-25"), date("2027-03-28"));
    let length = |day: Date| calendar.midnight(day.plus(1)).0 - calendar.midnight(day).0;
    assert_eq!((length(autumn), length(spring)), (25 * HOUR, 23 * HOUR));
    assert_eq!(calendar.midnight(autumn), at("2026-10-25T00:00:00+02:00"));
    // Openings are wall clock times, timetable minutes run on from midnight.
    let ten = Opens::Before { days: 1, minute: 600 };
    assert_eq!(calendar.opens_at(ten, autumn.plus(1)), at("2026-10-25T10:00:00+01:00"));
    assert_eq!(calendar.timetable(autumn, 600), at("2026-10-25T09:00:00+01:00"));
    // 02:30 comes twice in autumn (the first counts) and not at all in spring (moved on).
    assert_eq!(calendar.instant(autumn, 150), at("2026-10-25T02:30:00+02:00"));
    assert_eq!(calendar.instant(spring, 150), at("2027-03-28T03:30:00+02:00"));
    for day in [autumn, spring] {
        let mut changes = vec![calendar.midnight(day.plus(-1))];
        while changes.len() < 4 {
            changes.push(calendar.next_change(*changes.last().unwrap()));
        }
        let days: Vec<Date> = changes.iter().map(|c| calendar.today(*c)).collect();
        assert_eq!(days, (-1..3).map(|d| day.plus(d)).collect::<Vec<_>>());
    }
}

#[test]
fn a_day_without_midnight_begins_when_the_gap_ends() {
    // Cairo jumps from 00:00 to 01:00 on the last Friday of April.
    let calendar = calendar("Africa/Cairo");
    let day = date("2026-04-24");
    assert_eq!(calendar.midnight(day), at("2026-04-24T01:00:00+03:00"));
    assert_eq!(calendar.today(calendar.midnight(day)), day);
    assert_eq!(calendar.today(UnixMillis(calendar.midnight(day).0 - 1)), day.plus(-1));
    assert_eq!(calendar.next_change(at("2026-04-23T12:00:00+02:00")), calendar.midnight(day));
}

#[test]
fn the_year_9999_and_the_beginning_of_time_are_dates_like_any_other() {
    for zone in [KOLKATA, "America/New_York", "UTC"] {
        let calendar = calendar(zone);
        let now = at("2026-11-22T12:00:00Z");
        for day in [date("9999-12-31"), Date::MAX, Date::MIN, date("0001-01-01")] {
            assert!(!calendar.is_open(RAJDHANI, day, now), "{day} in {zone}");
        }
        assert_eq!(calendar.next_open(RAJDHANI, Date::MAX, now), None);
        assert_eq!(calendar.midnight(Date::MIN), UnixMillis(0));
        let (last, before) = (calendar.midnight(Date::MAX), calendar.midnight(Date::MAX.plus(-1)));
        assert!(last > before, "{zone}");
        // A clock at the end of time neither panics nor loops.
        for now in [last, UnixMillis(last.0 + 23 * HOUR), UnixMillis::MAX, UnixMillis(0)] {
            let today = calendar.today(now);
            assert!(open(&calendar, RAJDHANI, now).iter().all(|d| *d >= today.plus(-3)));
            let _ = (calendar.next_change(now), calendar.retires_at(RAJDHANI, today));
        }
    }
}

#[test]
fn a_zone_that_does_not_exist_is_named() {
    let error = Calendar::new("Asia/Atlantis", 60).unwrap_err().to_string();
    assert!(error.contains("Asia/Atlantis") && error.contains("Asia/Kolkata"), "{error}");
}

#[test]
fn no_open_days_leaves_today() {
    let calendar = Calendar::new(KOLKATA, 0).unwrap();
    let now = at("2026-11-22T12:00:00+05:30");
    assert_eq!(open(&calendar, RAJDHANI, now), [date("2026-11-22")]);
    let before_last_boarding = at("2026-11-22T04:00:00+05:30");
    assert_eq!(open(&calendar, RAJDHANI, before_last_boarding).len(), 2);
}
