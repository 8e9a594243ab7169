//! Clients' turns, messages that arrive, answers that are judged and sent back.

use std::sync::Arc;

use berth_inventory::{Answer, Command, Refusal, Said, UnixMillis, Version};
use berth_node::{Outcome, RunEntry, When};

use super::World;
use super::client::{AT_ONCE, Request, Stage};
use super::net::{Asked, Flight, Parcel, Target};
use crate::fault::Fault;
use crate::oracle::attempt::{Attempt, End, Short};
use crate::property::Violation;

impl World {
    /// A client does what is due: tries again, or asks for something new.
    pub(super) fn client_turn(&mut self) {
        let who = self.dice.place(self.clients.len());
        let (now, urged) = (self.steady, self.urged);
        let mut ready = Vec::new();
        for at in (0..self.clients[who].requests.len()).rev() {
            match self.clients[who].requests[at].stage {
                Stage::Rests(until) if until <= now => ready.push(at),
                Stage::Waits(until) if until <= now => {
                    self.clients[who].time_out(at, now, urged, &mut self.whims);
                }
                Stage::Rests(_) | Stage::Waits(_) => {}
            }
        }
        ready.retain(|at| *at < self.clients[who].requests.len());
        if ready.is_empty() && !urged && self.clients[who].requests.len() < AT_ONCE {
            self.new_request(who);
            ready.push(self.clients[who].requests.len() - 1);
        }
        self.send(who, &ready);
    }

    fn new_request(&mut self, who: usize) {
        if self.strikes(Fault::OtherBody, 30)
            && let Some(old) = self.some_past(who)
            && let Some(command) = self.load.other_body(&old.command)
        {
            self.note(Fault::OtherBody);
            return self.begin(who, command, old.target);
        }
        if self.strikes(Fault::OldRetry, 60)
            && let Some(old) = self.some_past(who)
        {
            self.note(Fault::OldRetry);
            return self.begin(who, old.command, old.target);
        }
        if self.strikes(Fault::RunPanic, 4) {
            let wish = self.load.panics();
            return self.begin(who, wish.command, wish.target);
        }
        // Once in many seeds a run is over for good.
        if self.luck.per_mille(20) && self.strikes(Fault::Retire, 5) {
            let wish = self.load.operate(Fault::Retire);
            self.note(Fault::Retire);
            return self.begin(who, wish.command, wish.target);
        }
        for (fault, n) in [(Fault::SaleChange, 12), (Fault::BlockChange, 12)] {
            if self.strikes(fault, n) {
                let wish = self.load.operate(fault);
                wish.fault.into_iter().for_each(|fault| self.note(fault));
                return self.begin(who, wish.command, wish.target);
            }
        }
        let other = self.whims.place(self.clients.len());
        let shared = if self.strikes(Fault::SharedHold, 60) && other != who {
            self.clients[other].holds.last().copied()
        } else {
            None
        };
        let wish = self.load.next(&self.clients[who], shared);
        wish.fault.into_iter().for_each(|fault| self.note(fault));
        self.begin(who, wish.command, wish.target);
    }

    fn some_past(&mut self, who: usize) -> Option<Request> {
        let past = &self.clients[who].past;
        (!past.is_empty()).then(|| past[self.whims.place(past.len())].clone())
    }

    pub(super) fn begin(&mut self, who: usize, command: Command, target: Target) {
        let mut timeout = self.whims.between(200, 3_000);
        if self.strikes(Fault::ShortDeadline, 40) {
            timeout = self.whims.below(8);
            self.note(Fault::ShortDeadline);
        }
        let (begun, stage) = (self.steady, Stage::Rests(0));
        let tags = Vec::new();
        let request = Request { command, target, timeout, tries: 0, begun, stage, tags };
        self.clients[who].requests.push(request);
    }

    /// Requests of a client leave in one message.
    pub(super) fn send(&mut self, who: usize, ready: &[usize]) {
        if ready.is_empty() {
            return;
        }
        let mut message = Vec::new();
        for at in ready {
            let request = &mut self.clients[who].requests[*at];
            request.tries += 1;
            let run = match request.target {
                Target::Train(run) | Target::Create(run) => Some(run),
                Target::Hold(_) | Target::Pnr(_) => None,
            };
            let attempt = Attempt {
                client: who,
                command: request.command.clone(),
                run,
                sent: self.steady,
                arrived: None,
                order: 0,
                deadline: u64::MAX,
                end: End::OnItsWay,
            };
            let tag = self.oracle.sent(attempt);
            request.tags.push(tag);
            request.stage = Stage::Waits(self.steady + request.timeout.max(50) + 100);
            let (command, target) = (request.command.clone(), request.target.clone());
            message.push(Asked { command, target, timeout: request.timeout, tag });
        }
        let (steady, story) = (self.steady, &mut self.story);
        for asked in &message {
            story.add(|| {
                format!("at {steady} client {who} sends #{}: {}", asked.tag, Short(&asked.command))
            });
        }
        self.send_message(who, message);
    }

    fn send_message(&mut self, who: usize, message: Vec<Asked>) {
        let mut due = self.steady + self.luck.below(4);
        if self.strikes(Fault::RequestLost, 25) {
            return self.note(Fault::RequestLost);
        }
        if self.strikes(Fault::RequestTwice, 25) {
            self.note(Fault::RequestTwice);
            let mut copy = message.clone();
            for asked in &mut copy {
                let again = self.oracle.attempts[asked.tag as usize].clone();
                let tag = self.oracle.sent(again);
                // The client takes an answer to either for the answer.
                let requests = &mut self.clients[who].requests;
                if let Some(of) = requests.iter_mut().find(|r| r.tags.contains(&asked.tag)) {
                    of.tags.push(tag);
                }
                asked.tag = tag;
            }
            let due = due + self.luck.below(500);
            self.net.send(Flight { client: who, due, parcel: Parcel::Request(copy) });
        }
        if self.strikes(Fault::RequestLate, 25) {
            self.note(Fault::RequestLate);
            due += self.luck.below(20_000);
        }
        self.net.send(Flight { client: who, due, parcel: Parcel::Request(message) });
    }

    /// The next message arrives, or one that overtakes it.
    pub(super) fn arrival(&mut self) -> Result<(), Violation> {
        let overtakes = self.strikes(Fault::RequestOvertakes, 60);
        let Some((flight, passed)) = self.net.arrive(self.steady, overtakes, &mut self.luck) else {
            return Ok(());
        };
        match flight.parcel {
            Parcel::Reply(tag, outcome) => {
                if passed {
                    self.note(Fault::ReplyOvertakes);
                }
                let (now, urged) = (self.steady, self.urged);
                self.clients[flight.client].hear(tag, &outcome, now, urged, &mut self.whims);
                Ok(())
            }
            Parcel::Request(message) => {
                if passed {
                    self.note(Fault::RequestOvertakes);
                }
                for asked in message {
                    self.ask_node(asked)?;
                }
                let full = self.node_mut().flush();
                (0..full).for_each(|_| self.note(Fault::QueueFull));
                Ok(())
            }
        }
    }

    /// One command reaches the node.
    fn ask_node(&mut self, asked: Asked) -> Result<(), Violation> {
        let Asked { mut command, target, timeout, tag } = asked;
        let (now, steady) = (self.now(), self.steady);
        let found = self.locate(&mut command, &target, now);
        let deadline = now.saturating_add(berth_inventory::Millis(timeout));
        self.oracle.attempts[tag as usize].deadline = deadline.0;
        self.oracle.arrived(tag, now.0);
        let run = match found {
            Ok(run) => run,
            Err(refusal) => {
                self.oracle.refused_early(tag, &refusal, now.0)?;
                let said = Said::Refused(refusal);
                self.reply(tag, Ok(Answer { version: Version(0), at: now, said }));
                return Ok(());
            }
        };
        self.oracle.attempts[tag as usize].run = Some(run.id);
        self.story.add(|| format!("at {steady} #{tag} reaches {}, by {deadline}", run.id));
        if let Some((outcome, fast)) = self.node_mut().admit(&run, tag, command, deadline, steady) {
            self.judge(tag, &outcome, fast)?;
            self.reply(tag, outcome);
        }
        Ok(())
    }

    fn locate(
        &self,
        command: &mut Command,
        target: &Target,
        now: UnixMillis,
    ) -> Result<Arc<RunEntry>, Refusal> {
        let front = &self.node.as_ref().expect("a message reaches a node that is up").front;
        match target {
            Target::Train(run) => front.locate(run.train, When::Start(run.start_date), None, now),
            Target::Create(run) => front.create(run.train, run.start_date, now),
            Target::Hold(hold) => front.by_hold(*hold),
            Target::Pnr(_) => {
                let pnr = match command {
                    Command::Cancel(ask) => ask.pnr,
                    Command::GetBooking(pnr) => *pnr,
                    _ => unreachable!("only these name a booking"),
                };
                let (read, run) = front.by_pnr(&self.names.print_pnr(pnr))?;
                assert_eq!(read, pnr, "a printed number is read as what was printed");
                Ok(run)
            }
        }
    }

    /// The oracle looks at an outcome that the node hands out.
    pub(super) fn judge(
        &mut self,
        tag: u64,
        outcome: &Outcome,
        fast: bool,
    ) -> Result<(), Violation> {
        let (now, steady) = (self.now().0, self.steady);
        self.story.add(|| match outcome {
            Ok(answer) => {
                let said = match &answer.said {
                    Said::Refused(refusal) => refusal.to_string(),
                    said => format!("{said:?}").chars().take(60).collect(),
                };
                format!("at {steady} #{tag} is told v{} {said}", answer.version)
            }
            Err(fault) => format!("at {steady} #{tag} is told {fault}"),
        });
        if matches!(outcome, Err(berth_node::Fault::Recovering { .. })) {
            self.note(Fault::RunPanic);
        }
        self.oracle.told(tag, outcome, now, fast)
    }

    /// An outcome is on its way to its client.
    pub(super) fn reply(&mut self, tag: u64, outcome: Outcome) {
        let client = self.oracle.attempts[tag as usize].client;
        let mut due = self.steady + self.luck.below(4);
        if self.strikes(Fault::ReplyLost, 25) {
            return self.note(Fault::ReplyLost);
        }
        if self.strikes(Fault::ReplyTwice, 25) {
            self.note(Fault::ReplyTwice);
            let due = due + self.luck.below(500);
            let parcel = Parcel::Reply(tag, outcome.clone());
            self.net.send(Flight { client, due, parcel });
        }
        if self.strikes(Fault::ReplyLate, 25) {
            self.note(Fault::ReplyLate);
            due += self.luck.below(20_000);
        }
        self.net.send(Flight { client, due, parcel: Parcel::Reply(tag, outcome) });
    }
}
