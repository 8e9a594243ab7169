//! What goes wrong between two steps.

use berth_persistence::{DiskFault, Durability};

use super::World;
use super::net::Target;
use crate::fault::Fault;
use crate::property::Violation;

impl World {
    /// Draws what goes wrong now.
    pub(super) fn inject(&mut self) -> Result<(), Violation> {
        if self.urged {
            return Ok(());
        }
        // One draw for all rare things: most steps nothing of it happens.
        if self.luck.below(20) != 0 {
            return Ok(());
        }
        self.clocks();
        self.lines();
        self.disks();
        if self.node.is_some() {
            self.inside();
            self.ends()?;
        }
        Ok(())
    }

    fn clocks(&mut self) {
        for (fault, off) in [(Fault::ClockForward, 3_600_000), (Fault::ClockBack, -3_600_000)] {
            if self.strikes(fault, 8) {
                self.note(fault);
                self.wall_off += off;
            }
        }
    }

    fn lines(&mut self) {
        if self.strikes(Fault::LineCut, 40) {
            let who = self.luck.place(self.clients.len());
            if self.net.cut(Some(who)) > 0 {
                self.note(Fault::LineCut);
            }
        }
        if self.strikes(Fault::ClientDies, 40) {
            let who = self.luck.place(self.clients.len());
            self.clients[who].die();
            self.net.cut(Some(who));
            self.note(Fault::ClientDies);
        }
        if self.strikes(Fault::Rush, 5) {
            self.note(Fault::Rush);
            for who in 0..self.clients.len() {
                let before = self.clients[who].requests.len();
                for wish in self.load.rush(5) {
                    self.begin(who, wish.command, wish.target);
                }
                let ready: Vec<usize> = (before..before + 5).collect();
                self.send(who, &ready);
            }
        }
        if self.strikes(Fault::ConfirmAtDeadline, 60) {
            self.confirm_at_deadline();
        }
    }

    /// A confirm is sent so that time comes to the deadline of its hold, or beside it.
    fn confirm_at_deadline(&mut self) {
        let who = self.luck.place(self.clients.len());
        let now = self.now().0;
        let Some(known) = self.clients[who].holds.last().copied().filter(|k| k.expires > now)
        else {
            return;
        };
        if known.expires > now + 70_000 {
            return;
        }
        let beside = self.luck.below(3);
        self.pass((known.expires + beside).saturating_sub(now + 1));
        self.note(Fault::ConfirmAtDeadline);
        let command = self.load.confirm(known.hold);
        self.begin(who, command, Target::Hold(known.hold));
        let at = self.clients[who].requests.len() - 1;
        self.send(who, &[at]);
        self.net.hurry(self.steady);
    }

    fn disks(&mut self) {
        let data = self.disk.path("data");
        for (fault, n) in [(Fault::SyncError, 3), (Fault::ShortWrite, 4)] {
            if self.strikes(fault, n) {
                self.note(fault);
                let place = if self.luck.per_mille(700) { "log" } else { "snap" };
                let fails = match fault {
                    Fault::SyncError => DiskFault::Sync,
                    _ => DiskFault::Torn(self.luck.below(3_000) as usize),
                };
                self.disk.arm(&data.join(place), fails);
            }
        }
        if self.strikes(Fault::DiskFull, 2) {
            self.note(Fault::DiskFull);
            self.disk.set_capacity(Some(self.disk.used() + self.luck.below(4_096)));
            self.full_disk_until = self.steady + self.luck.below(20_000);
        }
        if self.full_disk_until > 0 && self.full_disk_until < self.steady {
            self.full_disk_until = 0;
            self.disk.set_capacity(None);
        }
        // Where segments go, snapshots are the only place of something.
        if !self.retains && self.strikes(Fault::FlipSnapshot, 4) {
            self.flip_snapshot();
        }
    }

    fn flip_snapshot(&mut self) {
        let files = self.disk.files(&self.disk.path("data").join("snap"));
        let filled: Vec<_> = files.into_iter().filter(|(_, bytes)| *bytes > 0).collect();
        if filled.is_empty() {
            return;
        }
        let (path, bytes) = self.luck.of(&filled).clone();
        let bit = self.luck.below(bytes * 8);
        if self.disk.flip(&path, bit) {
            self.note(Fault::FlipSnapshot);
        }
    }

    /// Inside a node that is up.
    fn inside(&mut self) {
        let steady = self.steady;
        if self.strikes(Fault::SlowDisk, 60) {
            let until = steady + self.luck.between(500, 5_000);
            if self.node_mut().slow_down(until) {
                self.note(Fault::SlowDisk);
            }
        }
        if self.strikes(Fault::ActorDies, 20) {
            let working = self.node_mut().working_actors();
            if !working.is_empty() {
                let run = *self.luck.of(&working);
                self.node_mut().kill_actor(run);
                self.note(Fault::ActorDies);
            }
        }
        if self.strikes(Fault::DiskShort, 6) {
            self.note(Fault::DiskShort);
            self.node_mut().front.vitals.measure(0, u64::MAX);
        } else if self.luck.per_mille(100) {
            self.node_mut().front.vitals.measure(u64::MAX, 0);
        }
    }

    /// The end of the node, one way or another.
    fn ends(&mut self) -> Result<(), Violation> {
        if self.strikes(Fault::Crash, 12) {
            self.note(Fault::Crash);
            self.crash(false);
        } else if self.ground.durability == Durability::Power && self.strikes(Fault::PowerCut, 12) {
            self.note(Fault::PowerCut);
            self.crash(true);
        } else if self.strikes(Fault::CleanStop, 5) {
            self.stop()?;
        } else if self.node_mut().has_failed() && self.luck.per_mille(100) {
            // An operator sees NOT_SERVING.
            self.crash(false);
        }
        Ok(())
    }
}
