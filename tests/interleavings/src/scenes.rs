//! Scenes: a few threads, one protocol, and what must be true whatever the order.

use std::sync::Arc;

use berth_inventory::{
    BerthIndex, Date, LegMask, LegRange, Masks, PoolIndex, RequestId, Run, RunCreated, RunId,
    UnixMillis, Version,
};
use berth_persistence::conformance::parse;

use super::alarm::Alarm;
use super::filter::IdFilter;
use super::health::{Health, HealthWord};
use super::kick::Kick;
use super::log_end::EndWords;
use super::model::{Mailbox, NOW, Queue};
use super::published::{Head, Published, RowChange};
use super::sync::{Mutex, block_on, spawn};
use super::tray::{Lost, Tray};
use super::under_way::UnderWay;
use super::wake::Wake;

/// A small train: two stops, one coach.
const TRAIN: &str = r#"{"number":"00001","name":"S","days":"1111111","stops":[["A",0,null,1],["B",9,9,null]],"coaches":["H1:1A"]}"#;

fn published() -> (Published, u32) {
    let plan = parse(TRAIN).expect("a constant");
    let created = RunCreated {
        run: RunId { train: plan.number(), start_date: Date::from_days(20_000) },
        plan: plan.hash(),
        midnight: UnixMillis(0),
        opens: vec![UnixMillis(0); plan.pools().len()],
        extra: false,
    };
    let berths = plan.berths().len() as u32;
    (Published::of(&Run::new(plan, &created, UnixMillis(1))), berths)
}

const WHOLE: LegRange = LegRange { from: 0, to: 1 };

/// Version 2 holds the first berth, version 3 the second.
fn publish(published: &Published, version: u64) {
    let head = Head {
        version: Version(version),
        as_of: UnixMillis(version),
        next_expiry: UnixMillis(100 + version),
        closed: 0,
        retired: false,
    };
    let masks = Masks { held: LegMask(1), ..Masks::default() };
    let row = RowChange { berth: BerthIndex(version as u16 - 2), masks };
    published.publish(head, core::iter::once(row));
}

/// A reader sees counts and head of one version, and never goes back.
pub fn publication() {
    publication_of(2);
}

/// As [`publication`], with two versions published while it reads.
pub fn publications() {
    publication_of(3);
}

fn publication_of(last: u64) {
    let (published, berths) = published();
    let published = Arc::new(published);
    let readers = Arc::clone(&published);
    let reader = spawn(move || {
        let mut before = 0;
        for _ in 0..2 {
            let seen = readers.read(|p| (p.head(), p.free(PoolIndex(0), WHOLE)));
            let (Head { version: Version(version), next_expiry, .. }, free) = seen;
            assert_eq!(u64::from(free), u64::from(berths) + 1 - version, "of version {version}");
            assert!(version == 1 || next_expiry.0 == 100 + version);
            assert!(version >= before, "{version} after {before}");
            before = version;
        }
    });
    (2..=last).for_each(|version| publish(&published, version));
    reader.join().expect("no reader dies");
}

const ID: RequestId = RequestId(0x1234_5678_9abc_4def_8123_4567_89ab_cdef);
const OTHER: RequestId = RequestId(0x0fed_cba9_8765_4321_0fed_cba9_8765_4321);

/// A run goes cold and lives again while somebody comes in: what he feeds is found.
pub fn a_run_goes_cold() {
    let room = Arc::new((UnderWay::default(), IdFilter::default()));
    room.1.seed(core::iter::empty());
    let cold = Arc::clone(&room);
    let shard = spawn(move || {
        let (under_way, filter) = &*cold;
        filter.give_up(|| under_way.is_empty());
        filter.seed(core::iter::empty());
    });
    let (under_way, filter) = &*room;
    assert!(under_way.enter(10));
    filter.feed(ID);
    shard.join().expect("the shard does not die");
    assert!(filter.may_know(ID), "its command is still under way");
    under_way.leave();
    assert!(under_way.is_empty());
}

/// A generation is followed by the next while somebody feeds it.
pub fn a_filter_rotates() {
    let filter = Arc::new(IdFilter::default());
    filter.seed(core::iter::empty());
    let shards = Arc::clone(&filter);
    let shard = spawn(move || shards.rotate(core::iter::once(OTHER)));
    filter.feed(ID);
    assert!(filter.may_know(ID), "it is fed");
    shard.join().expect("the shard does not die");
    assert!(filter.may_know(ID) && filter.may_know(OTHER));
}

/// Two rotations while somebody feeds: what he fed is found, or he is told so much later that he can
/// see that it is not.
pub fn a_filter_rotates_twice() {
    let filter = Arc::new(IdFilter::default());
    filter.seed(core::iter::empty());
    let shards = Arc::clone(&filter);
    let shard = spawn(move || {
        shards.rotate(core::iter::empty());
        shards.rotate(core::iter::empty());
    });
    let fed = filter.feed(ID);
    shard.join().expect("the shard does not die");
    assert!(filter.may_know(ID) || filter.rotations() - fed >= 2);
}

/// Two feed a generation that is nearly full while it is followed by the next.
pub fn a_filter_grows() {
    let id = |n: u128| RequestId(n.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835));
    let filter = Arc::new(IdFilter::default());
    filter.seed((1..=127).map(id));
    let feeders: Vec<_> = [200, 300]
        .into_iter()
        .map(|first| {
            let filter = Arc::clone(&filter);
            spawn(move || {
                for n in first..first + 3 {
                    filter.feed(id(n));
                }
            })
        })
        .collect();
    filter.rotate((1..=100).map(id));
    for feeder in feeders {
        feeder.join().expect("no feeder dies");
    }
    let all = (1..=100).chain(200..203).chain(300..303);
    for n in all {
        assert!(filter.may_know(id(n)), "id {n}");
    }
}

/// The log grows while somebody looks where it ends: the frame he finds is never behind the bytes.
pub fn the_log_grows() {
    let end = Arc::new(EndWords::default());
    let looks = Arc::clone(&end);
    let reader = spawn(move || {
        let mut before = (0, 0);
        for _ in 0..2 {
            let (lsn, bytes) = looks.get();
            assert!(lsn * 100 >= bytes, "frame {lsn} with {bytes} bytes");
            assert!(lsn >= before.0 && bytes >= before.1, "({lsn}, {bytes}) after {before:?}");
            before = (lsn, bytes);
        }
    });
    (1..=2).for_each(|lsn| end.set(lsn, lsn * 100));
    reader.join().expect("no reader dies");
}

/// The journal fails while somebody looks: whoever sees it finds the first cause, and it stays so.
pub fn a_journal_fails() {
    journal_fails(&Arc::new(HealthWord::default()));
}

/// The same while the node begins to serve and is told to stop. Not for loom, which lets an exchange
/// pass a store that it must see.
pub fn a_journal_fails_while_the_node_stops() {
    let health = Arc::new(HealthWord::default());
    let stops = Arc::clone(&health);
    let stopper = spawn(move || {
        stops.serve();
        stops.drain();
    });
    journal_fails(&health);
    stopper.join().expect("whoever stops does not die");
    assert_eq!(health.now(), Health::JournalFailed);
}

fn journal_fails(health: &Arc<HealthWord>) {
    let looks = Arc::clone(health);
    let reader = spawn(move || {
        let mut failed = false;
        for _ in 0..2 {
            let now = looks.now();
            assert!(!failed || now == Health::JournalFailed, "{now:?} after it failed");
            failed = now == Health::JournalFailed;
            assert!(!failed || looks.cause().is_some(), "it failed for no reason");
        }
    });
    health.fail("first");
    health.fail("second");
    reader.join().expect("no reader dies");
    assert_eq!(health.now(), Health::JournalFailed);
    assert_eq!(health.cause().map(|why| &**why), Some("first"));
}

/// Two push while the worker drains and rests: it sees all, and is called at most once at a time.
pub fn a_worker_is_called() {
    worker(|wake, queue| wake.may_rest(|| queue.is_empty()));
}

/// The fault: it rests without looking again.
pub fn a_worker_that_does_not_look_again() {
    worker(|wake, _| wake.may_rest(|| true));
}

fn worker(may_rest: fn(&Wake, &Queue) -> bool) {
    let shard = Arc::new((Wake::default(), Queue::default(), Mailbox::new()));
    let pushers: Vec<_> = (0..2)
        .map(|_| {
            let shard = Arc::clone(&shard);
            spawn(move || {
                let (wake, queue, mailbox) = &*shard;
                queue.push();
                if wake.call() {
                    mailbox.send(());
                }
            })
        })
        .collect();
    let (wake, queue, mailbox) = &*shard;
    let mut seen = 0;
    while seen < 2 {
        mailbox.take();
        while queue.pop() {
            seen += 1;
        }
        if !may_rest(wake, queue) {
            mailbox.send(());
        }
    }
    for pusher in pushers {
        pusher.join().expect("no pusher dies");
    }
}

/// What a worker and the journal share.
struct Shard {
    wake: Wake,
    /// Number of the batch, and whether something is in it.
    batch: Mutex<(u64, bool)>,
    kick: Kick,
    mailbox: Mailbox<()>,
}

/// A worker waits for each of its groups before it goes on.
pub fn a_worker_waits_for_groups() {
    groups(&[true, true], |shard, seen| shard.wake.wait_for_group(seen));
}

/// As [`a_worker_waits_for_groups`]; the first group fails, and with it the journal.
pub fn a_worker_waits_for_a_group_that_fails() {
    groups(&[false, false], |shard, seen| shard.wake.wait_for_group(seen));
}

/// The fault: a group that ended before the worker asked to be called is not seen.
pub fn a_worker_that_forgets_what_it_saw() {
    groups(&[true, true], |shard, _| shard.wake.wait_for_group(shard.wake.ended()));
}

fn groups(outcomes: &'static [bool], wait: fn(&Shard, u64) -> bool) {
    let shard = Arc::new(Shard {
        wake: Wake::default(),
        batch: Mutex::new((1, false)),
        kick: Kick::default(),
        mailbox: Mailbox::new(),
    });
    let works = Arc::clone(&shard);
    let worker = spawn(move || {
        for (number, durable) in (1..).zip(outcomes) {
            let mut batch = works.batch.lock().expect("no thread dies");
            *batch = (number, true);
            drop(batch);
            works.kick.kick();
            loop {
                let batch = works.batch.lock().expect("no thread dies");
                let seen = works.wake.ended();
                let is_over = works.wake.durable() == number || !durable && seen >= number;
                if !is_over {
                    works.wake.starve();
                }
                drop(batch);
                if is_over {
                    break;
                }
                if !wait(&works, seen) {
                    works.mailbox.take();
                }
            }
        }
    });
    let writes = Arc::clone(&shard);
    let journal = spawn(move || {
        let mut left = outcomes.iter();
        while !left.as_slice().is_empty() {
            let mut batch = writes.batch.lock().expect("no thread dies");
            let (number, filled) = core::mem::take(&mut *batch);
            drop(batch);
            if !filled {
                writes.kick.wait(None);
                continue;
            }
            let durable = left.next().is_some_and(|durable| *durable);
            if writes.wake.group_ended(durable.then_some(number)) {
                writes.mailbox.send(());
            }
        }
    });
    // The thread is known only after it was started, as in the product.
    shard.kick.attach(journal.thread().clone());
    worker.join().expect("the worker does not die");
    journal.join().expect("the journal does not die");
}

/// Two put while one takes: everything comes once, before the end.
pub fn a_tray_is_taken() {
    let tray = Arc::new(Tray::default());
    let putters: Vec<_> = (0..2)
        .map(|item| {
            let tray = Arc::clone(&tray);
            spawn(move || {
                if tray.put(item) {
                    tray.wake();
                }
            })
        })
        .collect();
    let takes = Arc::clone(&tray);
    let taker = spawn(move || {
        let mut all = Vec::new();
        let mut some = Vec::new();
        let ended = block_on(async {
            while all.len() < 2 {
                let taken = core::future::poll_fn(|cx| takes.poll_take(cx, &mut some)).await;
                all.append(&mut some);
                taken?;
            }
            Ok::<_, Lost>(())
        });
        assert_eq!(ended, Ok(()));
        all.sort_unstable();
        assert_eq!(all, [0, 1]);
    });
    for putter in putters {
        putter.join().expect("no putter dies");
    }
    taker.join().expect("the taker does not die");
}

/// What was put before the end is taken before it.
pub fn a_tray_ends() {
    let tray = Arc::new(Tray::default());
    let puts = Arc::clone(&tray);
    let putter = spawn(move || {
        if puts.put(7) {
            puts.wake();
        }
        puts.lose();
    });
    let mut all = Vec::new();
    let mut some = Vec::new();
    block_on(async {
        while core::future::poll_fn(|cx| tray.poll_take(cx, &mut some)).await.is_ok() {
            all.append(&mut some);
        }
    });
    putter.join().expect("the putter does not die");
    assert_eq!(all, [7], "it was put before the end");
}

/// A worker sets its next look after each wake: each is woken for, though nobody else asks.
pub fn an_alarm_rings() {
    NOW.with_borrow_mut(|now| *now = 0);
    let shard = Arc::new((Alarm::new(), Mailbox::new()));
    let works = Arc::clone(&shard);
    let worker = spawn(move || {
        let (alarm, mailbox) = &*works;
        for at in [30, 10, 20, 40] {
            alarm.set(Some(UnixMillis(at)));
            if at != 30 {
                mailbox.take();
                assert!(NOW.with_borrow(|now| *now) >= at.min(10), "not before it is due");
            }
            alarm.set(None);
        }
        alarm.end();
    });
    let (alarm, mailbox) = &*shard;
    let now = || UnixMillis(NOW.with_borrow(|now| *now));
    block_on(alarm.ring(now, || mailbox.send(())));
    worker.join().expect("the worker does not die");
}
