//! Messages as lines of a history, and the other way round.

use std::collections::HashMap;

use berth_client::{Admin, Client, ClientError, v1};
use berth_history::{
    Answer, Ask, BerthPlan, BookingSeen, Event, Happened, HoldSeen, Id, Refused, RunPlan, Said,
    Seat, State,
};
use uuid::Uuid;

use super::stand::Lines;
use crate::asking::{Answered as _, berth, ms, party, sequence, ttl};
use crate::server::Server;

/// A run as both sides name it.
pub struct Run {
    pub plan: RunPlan,
    train: String,
    start_date: String,
    pools: Vec<(i32, String)>,
    berths: HashMap<(String, u32), u16>,
}

impl Run {
    /// The pools that are open long before the day.
    pub fn general_pools(&self) -> Vec<u8> {
        let pools = (0..).zip(&self.pools).filter(|(_, (_, quota))| quota == "GN");
        pools.map(|(pool, _)| pool).collect()
    }

    /// The berths of a pool.
    pub fn berths_of(&self, pool: u8) -> Vec<u16> {
        let berths = (0..).zip(&self.plan.berths).filter(|(_, berth)| berth.pool == pool);
        berths.map(|(berth, _)| berth).collect()
    }

    fn berth(&self, coach: &str, number: u32) -> u16 {
        self.berths[&(coach.to_owned(), number)]
    }

    fn reference(&self) -> v1::RunRef {
        let day = Some(v1::run_ref::Day::StartDate(self.start_date.clone()));
        v1::RunRef { train: self.train.clone(), day }
    }

    fn pool(&self, class: i32, quota: &str) -> u8 {
        let is = |pool: &(i32, String)| (pool.0, pool.1.as_str()) == (class, quota);
        self.pools.iter().position(is).expect("a pool of the map") as u8
    }

    /// Pools by name, a bit each.
    fn bits(&self, pools: &[v1::PoolName]) -> u64 {
        pools.iter().fold(0, |bits, named| bits | 1 << self.pool(named.travel_class, &named.quota))
    }

    fn named(&self, berths: &[u16]) -> Vec<v1::BerthName> {
        let named = berths.iter().map(|place| {
            let name = &self.plan.berths[usize::from(*place)].name;
            let (coach, number) = name.rsplit_once('-').expect("COACH-NUMBER");
            berth(coach, number.parse().expect("a number"))
        });
        named.collect()
    }

    fn blocked(
        &self,
        berths: &[v1::BerthName],
        from: Option<&v1::Stop>,
        to: Option<&v1::Stop>,
        block: bool,
    ) -> Event {
        let berths = berths.iter().map(|named| self.berth(&named.coach, named.number)).collect();
        Event::Blocked { berths, from: place(from), to: place(to), block }
    }

    fn seats(&self, allocations: &[v1::Allocation]) -> Vec<Seat> {
        let seat = |a: &v1::Allocation| Seat {
            berth: self.berth(&a.coach, a.berth),
            state: match a.status() {
                v1::AllocationStatus::Held => State::Held,
                v1::AllocationStatus::Confirmed => State::Confirmed,
                v1::AllocationStatus::Released => State::Released,
                v1::AllocationStatus::Expired => State::Expired,
                v1::AllocationStatus::Cancelled => State::Cancelled,
                v1::AllocationStatus::Unspecified => panic!("{a:?}"),
            },
        };
        allocations.iter().map(seat).collect()
    }

    fn hold(&self, told: &v1::Hold) -> HoldSeen {
        assert_eq!((&told.train, &told.start_date), (&self.train, &self.start_date));
        HoldSeen {
            hold: id(&told.hold_id),
            pool: self.pool(told.travel_class, &told.quota),
            from: place(told.from_stop.as_ref()),
            to: place(told.to_stop.as_ref()),
            created: ms(told.created_at) as u64,
            expires: ms(told.expires_at) as u64,
            seats: self.seats(&told.allocations),
            pnrs: told.pnrs.iter().map(|pnr| number(pnr)).collect(),
        }
    }

    fn booking(&self, told: &v1::Booking) -> BookingSeen {
        let places = told.allocations.iter().map(|a| (a.passenger - 1) as u8);
        BookingSeen {
            pnr: number(&told.pnr),
            hold: id(&told.hold_id),
            confirmed: ms(told.confirmed_at) as u64,
            seats: places.zip(self.seats(&told.allocations)).collect(),
        }
    }

    fn refused(&self, told: &v1::Refusal) -> Refused {
        let facts = told.facts.clone().unwrap_or_default();
        let (asked, limit) = (facts.asked.unwrap_or(0), facts.limit.unwrap_or(0));
        match told.reason() {
            v1::Reason::IdempotencyMismatch => Refused::Mismatch,
            v1::Reason::Closed => Refused::Closed,
            v1::Reason::SoldOut => Refused::SoldOut { asked, free: facts.free.expect("free") },
            v1::Reason::BerthTaken => {
                let berth = facts.berth.expect("a berth");
                Refused::BerthTaken { berth: self.berth(&berth.coach, berth.number) }
            }
            v1::Reason::UnknownHold => Refused::UnknownHold,
            v1::Reason::UnknownBooking => Refused::UnknownBooking,
            v1::Reason::UnknownPassenger => Refused::UnknownPassenger { asked, limit },
            v1::Reason::HoldReleased => Refused::HoldReleased { at: ms(facts.ended_at) as u64 },
            v1::Reason::HoldExpired => {
                Refused::HoldExpired { expires: ms(facts.expires_at) as u64 }
            }
            v1::Reason::AlreadyConfirmed => {
                Refused::AlreadyConfirmed { pnr: number(&facts.booking.expect("a booking").pnr) }
            }
            v1::Reason::BookingCancelled => {
                Refused::BookingCancelled { at: ms(facts.ended_at) as u64 }
            }
            v1::Reason::TooManyExtends => Refused::TooManyExtends { asked, limit },
            other => Refused::Other(other.into()),
        }
    }
}

/// From a map of the whole route.
pub fn run_of(map: &v1::BerthMap) -> Run {
    let mut run = Run {
        plan: RunPlan {
            name: format!("{}/{}", map.train, map.start_date),
            legs: place(map.to_stop.as_ref()),
            pools: Vec::new(),
            berths: Vec::new(),
        },
        train: map.train.clone(),
        start_date: map.start_date.clone(),
        pools: Vec::new(),
        berths: HashMap::new(),
    };
    for coach in &map.coaches {
        for cell in &coach.berths {
            let pool = (cell.travel_class, cell.quota.clone());
            if !run.pools.contains(&pool) {
                run.plan.pools.push(format!("{:?} {}", cell.travel_class(), cell.quota));
                run.pools.push(pool);
            }
            let place = run.plan.berths.len() as u16;
            run.berths.insert((coach.coach.clone(), cell.number), place);
            let pool = run.pool(cell.travel_class, &cell.quota);
            let name = format!("{}-{}", coach.coach, cell.number);
            run.plan.berths.push(BerthPlan { name, pool });
        }
    }
    run
}

fn id(text: &str) -> Id {
    Id(u128::from_str_radix(text, 16).expect("32 hex digits"))
}

fn hex(id: Id) -> String {
    format!("{id:?}")
}

fn uuid(text: &str) -> Id {
    Id(Uuid::try_parse(text).expect("a UUID").as_u128())
}

fn number(pnr: &str) -> u64 {
    pnr.parse().expect("ten digits")
}

fn place(stop: Option<&v1::Stop>) -> u8 {
    (stop.expect("a stop").sequence - 1) as u8
}

/// Places from 1, as the wire has them.
fn numbers(who: u8) -> Vec<u32> {
    (0..8).filter(|place| who >> place & 1 == 1).map(|place| place + 1).collect()
}

fn set(numbers: &[u32]) -> u8 {
    numbers.iter().fold(0, |set, number| set | 1 << (number - 1))
}

fn ttl_of(ms: u64) -> prost_types::Duration {
    ttl((ms / 1_000).cast_signed())
}

/// Sends one try; nothing, when there is no answer.
pub async fn send(
    lines: &Lines,
    client: Option<usize>,
    run: &Run,
    request: Id,
    ask: &Ask,
) -> Option<Answer> {
    let door = lines.door(client);
    let request_id = Uuid::from_u128(request.0).to_string();
    macro_rules! answer {
        ($ask:expr, $done:expr) => {{
            let told = door.try_it(&$ask).await.map_err(|fault| is_no_answer(&fault)).ok()?;
            let (version, at) = (told.run_version, ms(told.server_time) as u64);
            let expires = Rest::rest(&told);
            let said = match told.outcome() {
                Ok(done) => $done(done, expires),
                Err(refusal) => Said::Refused(run.refused(&refusal)),
            };
            Some(Answer { version, at, said })
        }};
    }
    match ask {
        Ask::Reserve { pool, from, to, heads, berths, ttl } => {
            let (travel_class, quota) = run.pools[usize::from(*pool)].clone();
            let ask = v1::ReserveRequest {
                request_id,
                run: Some(run.reference()),
                from_stop: Some(sequence(u32::from(*from) + 1)),
                to_stop: Some(sequence(u32::from(*to) + 1)),
                travel_class,
                quota,
                passengers: party(usize::from(*heads)),
                berths: run.named(berths),
                ttl: Some(ttl_of(*ttl)),
                ..Default::default()
            };
            answer!(ask, |hold: v1::Hold, _| Said::Hold(run.hold(&hold)))
        }
        Ask::Confirm { hold, who, keep, payment } => {
            let ask = v1::ConfirmRequest {
                request_id,
                hold_id: hex(*hold),
                payment_reference: payment.to_string(),
                passengers: numbers(*who),
                keep_rest: *keep,
            };
            answer!(ask, |told: v1::Booking, rest| {
                Said::Booking { booking: run.booking(&told), rest }
            })
        }
        Ask::Release { hold, who } => {
            let passengers = numbers(*who);
            let ask = v1::ReleaseRequest { request_id, hold_id: hex(*hold), passengers };
            answer!(ask, |told: v1::Released, _| Said::Released {
                hold: run.hold(&told.hold.expect("a hold")),
                who: set(&told.passengers)
            })
        }
        Ask::Extend { hold, ttl } => {
            let ask =
                v1::ExtendRequest { request_id, hold_id: hex(*hold), ttl: Some(ttl_of(*ttl)) };
            answer!(ask, |hold: v1::Hold, _| Said::Hold(run.hold(&hold)))
        }
        Ask::Cancel { pnr, who } => {
            let (pnr, passengers) = (pnr.to_string(), numbers(*who));
            let ask = v1::CancelRequest { request_id, pnr, passengers };
            answer!(ask, |told: v1::Cancelled, _| Said::Cancelled {
                booking: run.booking(&told.booking.expect("a booking")),
                who: set(&told.passengers)
            })
        }
        Ask::GetHold { hold } => {
            let ask = v1::GetHoldRequest { hold_id: hex(*hold) };
            answer!(ask, |hold: v1::Hold, _| Said::Hold(run.hold(&hold)))
        }
        Ask::GetBooking { pnr } => {
            let ask = v1::GetBookingRequest { pnr: pnr.to_string() };
            answer!(ask, |told: v1::Booking, _| {
                Said::Booking { booking: run.booking(&told), rest: None }
            })
        }
        Ask::Query { pool, from, to } => query(&lines.reader, run, *pool, *from, *to).await,
        Ask::Sale { pools, open } => sale(&lines.admin, run, request_id, *pools, *open).await,
        Ask::Block { berths, from, to, block } => {
            let stops = (u32::from(*from) + 1, u32::from(*to) + 1);
            let berths = run.named(berths);
            self::block(&lines.admin, run, request_id, berths, stops, *block).await
        }
    }
}

/// What an operator was told, whatever he asked.
macro_rules! operated {
    ($run:expr, $call:expr) => {{
        let told = $call.await.map_err(|fault| is_no_answer(&fault)).ok()?;
        let (version, at) = (told.run_version, ms(told.server_time) as u64);
        let refused = told.outcome().err();
        let said = refused.map_or(Said::Done, |why| Said::Refused($run.refused(&why)));
        Some(Answer { version, at, said })
    }};
}

/// One pool, or all of them.
async fn sale(
    admin: &Admin,
    run: &Run,
    request_id: String,
    pools: u64,
    open: bool,
) -> Option<Answer> {
    let (train, start_date) = (run.train.clone(), run.start_date.clone());
    let (travel_class, quota) = if pools.is_power_of_two() {
        run.pools[pools.trailing_zeros() as usize].clone()
    } else {
        Default::default()
    };
    if open {
        let ask = v1::OpenSaleRequest { request_id, train, start_date, travel_class, quota };
        operated!(run, admin.open_sale(ask))
    } else {
        let ask = v1::CloseSaleRequest { request_id, train, start_date, travel_class, quota };
        operated!(run, admin.close_sale(ask))
    }
}

async fn block(
    admin: &Admin,
    run: &Run,
    request_id: String,
    berths: Vec<v1::BerthName>,
    (from, to): (u32, u32),
    block: bool,
) -> Option<Answer> {
    let (train, start_date) = (run.train.clone(), run.start_date.clone());
    let (from_stop, to_stop) = (Some(sequence(from)), Some(sequence(to)));
    if block {
        let ask =
            v1::BlockBerthsRequest { request_id, train, start_date, berths, from_stop, to_stop };
        operated!(run, admin.block_berths(ask))
    } else {
        let ask =
            v1::UnblockBerthsRequest { request_id, train, start_date, berths, from_stop, to_stop };
        operated!(run, admin.unblock_berths(ask))
    }
}

/// Faults that a sound server gives to a sound request when it is over a limit, or dies.
fn is_no_answer(fault: &ClientError) {
    assert!(!matches!(fault, ClientError::Invalid { .. }), "{fault}");
}

async fn query(reader: &Client, run: &Run, pool: u8, from: u8, to: u8) -> Option<Answer> {
    let (travel_class, quota) = run.pools[usize::from(pool)].clone();
    let ask = v1::QueryRequest {
        run: Some(run.reference()),
        from_stop: Some(sequence(u32::from(from) + 1)),
        to_stop: Some(sequence(u32::from(to) + 1)),
        travel_class,
        quota,
    };
    let told = reader.query(ask).await.map_err(|fault| is_no_answer(&fault)).ok()?;
    let (version, at) = (told.run_version, ms(told.as_of) as u64);
    let table = told.done();
    let [row] = table.rows.as_slice() else { panic!("one pool was asked for: {table:?}") };
    Some(Answer { version, at, said: Said::Free(row.count) })
}

/// What of an answer stands beside its outcome.
trait Rest {
    fn rest(&self) -> Option<u64> {
        None
    }
}

impl Rest for v1::ReserveResponse {}
impl Rest for v1::ReleaseResponse {}
impl Rest for v1::ExtendResponse {}
impl Rest for v1::CancelResponse {}
impl Rest for v1::GetHoldResponse {}
impl Rest for v1::GetBookingResponse {}
impl Rest for v1::ConfirmResponse {
    fn rest(&self) -> Option<u64> {
        self.expires_at.map(|at| ms(Some(at)) as u64)
    }
}

/// The whole journal, of the runs that were played on.
pub async fn journal(server: &Server, runs: &[Run]) -> Vec<Happened> {
    let place_of: HashMap<(&str, &str), u32> =
        runs.iter().zip(0..).map(|(r, n)| ((&*r.train, &*r.start_date), n)).collect();
    let range = Some(v1::read_request::Range::Lsns(v1::LsnRange::default()));
    let admin = server.admin().await;
    let asked = admin.read_journal(v1::ReadRequest { range, limit: 0 }).await;
    let mut pieces = asked.expect("the journal can be read");
    let mut events = Vec::new();
    while let Some(piece) = pieces.message().await.expect("the journal is whole") {
        for event in piece.events {
            let run = place_of[&(&*event.train, &*event.start_date)];
            let (version, at) = (event.run_version, ms(event.at) as u64);
            let event = fact(&runs[run as usize], event.event.expect("of a known kind"));
            events.push(Happened { run, version, at, event });
        }
    }
    events
}

fn fact(run: &Run, event: v1::journal_event::Event) -> Event {
    use v1::journal_event::Event as Wire;
    let instant = |at| ms(at) as u64;
    match event {
        Wire::RunCreated(_) => Event::Created,
        Wire::Held(e) => Event::Held {
            hold: id(&e.hold_id),
            request: uuid(&e.request_id),
            pool: run.pool(e.travel_class, &e.quota),
            from: place(e.from_stop.as_ref()),
            to: place(e.to_stop.as_ref()),
            berths: run.seats(&e.allocations).iter().map(|seat| seat.berth).collect(),
            expires: instant(e.expires_at),
        },
        Wire::Confirmed(e) => Event::Confirmed {
            hold: id(&e.hold_id),
            request: uuid(&e.request_id),
            pnr: number(&e.pnr),
            who: set(&e.passengers),
            keep: e.keep_rest,
        },
        Wire::Extended(e) => Event::Extended {
            hold: id(&e.hold_id),
            request: uuid(&e.request_id),
            expires: instant(e.expires_at),
        },
        Wire::Released(e) => Event::Released { hold: id(&e.hold_id), who: set(&e.passengers) },
        Wire::Expired(e) => Event::Expired { hold: id(&e.hold_id) },
        Wire::HoldsExtended(e) => {
            Event::Grace { until: instant(e.until), as_of: instant(e.as_of), span: e.span_ms }
        }
        Wire::Cancelled(e) => Event::Cancelled { pnr: number(&e.pnr), who: set(&e.passengers) },
        Wire::PnrBlockLeased(_) => Event::Leased,
        Wire::SaleSet(e) => Event::Sale { pools: run.bits(&e.pools), open: e.open },
        Wire::BerthsBlocked(e) => {
            run.blocked(&e.berths, e.from_stop.as_ref(), e.to_stop.as_ref(), true)
        }
        Wire::BerthsUnblocked(e) => {
            run.blocked(&e.berths, e.from_stop.as_ref(), e.to_stop.as_ref(), false)
        }
        Wire::RunRetired(e) => Event::Other(format!("{e:?}")),
        // No train of the histories has lists.
        Wire::Listed(e) => Event::Other(format!("{e:?}")),
        Wire::Promoted(e) => Event::Other(format!("{e:?}")),
    }
}
