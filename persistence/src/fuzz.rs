//! What a fuzzer feeds: decoders of bytes that somebody else may have written.
//!
//! Compiled for tests and for `tests/fuzz` (`--cfg fuzzing`), never into the product. A target takes
//! any bytes and panics when a law is broken: nothing that is read panics, what was read is written
//! again and read the same, and two ways of reading agree. Checksums are put right first, so that
//! what stands behind them is reached. Seeds come from this software's own writers; inputs that a
//! fuzzer found worth keeping lie in `tests/fuzz/corpus`.

use std::sync::Arc;

use berth_inventory::{Run, RunIndex};

use crate::catalogue::{
    Catalogue, coach_from_text, days_from_text, entry_from_json, entry_to_json, plan_from_text,
};
use crate::conformance::{TEXT, World};
use crate::event_store::Chunk;
use crate::frame::{Chain, Magic, Named, Whole, put_names, take_names};
use crate::group::{Frame, names_of, put_group};
use crate::stored::v1;
use crate::{EncodedSnapshot, LogPosition, NodeRecord, Section, header_to_json};

/// A target: its name, what it does with an input, and inputs to begin with.
pub struct Target {
    /// Its name, also that of its folder of kept inputs.
    pub name: &'static str,
    /// Takes any bytes.
    pub run: fn(&[u8]),
    /// Whole inputs, written by this software.
    pub seeds: fn() -> Vec<Vec<u8>>,
}

/// All of them.
pub const TARGETS: &[Target] = &[
    Target { name: "frame", run: frame, seeds: frames },
    Target { name: "event", run: event, seeds: events },
    Target { name: "snapshot", run: snapshot, seeds: snapshots },
    Target { name: "catalogue", run: catalogue, seeds: catalogues },
];

/// A frame of the commit log: the bytes as they are, and as the payload of a whole one.
fn frame(bytes: &[u8]) {
    if let Some(whole) = Whole::check(bytes) {
        let _ = whole.previous_names();
        let _ = Frame::decode(LogPosition::default(), whole.payload);
    }
    let mut rest = bytes;
    if let Some(names) = take_names(&mut rest)
        && names.is_sorted_by(|one, next| one.run < next.run)
    {
        let mut written = Vec::new();
        put_names(&mut written, &names);
        assert_eq!(take_names(&mut &*written), Some(names));
    }
    let Ok(read) = Frame::decode(LogPosition::default(), bytes) else { return };
    let sections: Vec<(u16, Section)> = read
        .sections
        .iter()
        .map(|part| {
            let mut section = Section::default();
            for span in &part.spans {
                let mut version = span.first;
                for event in &span.events {
                    section.push(span.run, span.at, version, event);
                    version.0 = version.0.wrapping_add(1);
                }
            }
            (part.shard, section)
        })
        .collect();
    let borrowed: Vec<_> = sections.iter().map(|(shard, section)| (*shard, section)).collect();
    let (mut chain, mut written) = (Chain::default(), Vec::new());
    let names = names_of(sections.iter().flat_map(|(_, section)| section.touched()).copied());
    let put = |out: &mut Vec<u8>| put_group(out, &read.records, &borrowed);
    chain.append(Magic::Group, names.clone(), &mut written, put);
    chain.append(Magic::Group, Vec::new(), &mut written, |_| {});
    let whole = Whole::check(&written).expect("what was written is whole");
    let again = Frame::decode(LogPosition::default(), whole.payload).expect("and is read again");
    assert_eq!(again, read);
    let next = Whole::check(&written[whole.header.frame_bytes()..]).expect("so is the next");
    assert_eq!(next.previous_names(), Some(names));
}

/// One event of a run, read in each way there is; a record of the node; a chunk of events.
fn event(bytes: &[u8]) {
    let (mut decoded, mut walked, mut usual) = (bytes, bytes, bytes);
    let of_event = v1::decode_event(&mut decoded);
    let name = v1::walk_event(&mut walked);
    let frequent = v1::decode_frequent(&mut usual);
    if let Ok(event) = &of_event {
        assert_eq!(name.expect("what can be decoded is walked over"), v1::created_by(event));
        assert_eq!(walked, decoded, "to the same byte");
        if let Some(frequent) = &frequent {
            assert_eq!((frequent, usual), (event, decoded));
        }
        let mut plain = bytes;
        assert_eq!(v1::decode_any(&mut plain).as_ref(), Ok(event), "the mirrors read the same");
        assert_eq!(plain, decoded);
        let (mut by_hand, mut by_mirror) = (Vec::new(), Vec::new());
        v1::encode_event(event, &mut by_hand);
        v1::encode_any(event, &mut by_mirror);
        assert_eq!(by_hand, by_mirror, "the mirrors write the same");
        assert_eq!(v1::decode_event(&mut &*by_hand).as_ref(), Ok(event));
    } else {
        assert_eq!(frequent, None, "a frequent event is one");
    }
    let mut rest = bytes;
    if let Ok(record) = v1::decode_record(&mut rest) {
        let mut written = Vec::new();
        v1::encode_record(&record, &mut written);
        assert_eq!(v1::decode_record(&mut &*written), Ok(record));
    }
    let _ = v1::decode_snap_record(bytes);
    chunk(bytes);
}

/// A chunk of the event store whose length and checksum are right.
fn chunk(bytes: &[u8]) {
    let mut whole = vec![0; 8];
    whole.extend_from_slice(bytes);
    let len = whole.len() as u32;
    whole[4..8].copy_from_slice(&len.to_le_bytes());
    let crc = crc32c::crc32c(&whole[4..]);
    whole[..4].copy_from_slice(&crc.to_le_bytes());
    if let Ok(chunk) = Chunk::read(&whole) {
        // A span may claim more events than there are bytes.
        chunk.events().take(bytes.len() + 1).for_each(drop);
        let _ = chunk.sum();
    }
}

/// The state of a run: what is taken for one is sound, and written again the same.
fn snapshot(bytes: &[u8]) {
    let Ok(mut state) = v1::decode_state(bytes) else { return };
    let mut written = Vec::new();
    v1::encode_state(&state, &mut written);
    assert_eq!(v1::decode_state(&written).as_ref(), Ok(&state));
    assert_eq!(v1::is_extra(&written), state.created.extra);
    let world = World::new(0);
    state.created.plan = world.plan().hash();
    if let Ok(run) = Run::from_state(Arc::clone(world.plan()), state.clone()) {
        assert_eq!(run.check(), [], "a state that is taken breaks no law");
        // No run writes a state with ids that it should have forgotten by then: what is loaded of one
        // is the state after that, and stays so.
        let settled = run.state();
        assert_eq!(run.digest(), settled.digest());
        let again = Run::from_state(Arc::clone(world.plan()), settled.clone());
        assert_eq!(again.expect("its own state is one").state(), settled);
    }
}

/// A catalogue, and each of its lines as a train.
fn catalogue(bytes: &[u8]) {
    let Ok(text) = core::str::from_utf8(bytes) else { return };
    let _ = (days_from_text(text), coach_from_text(text));
    if let Ok(catalogue) = Catalogue::parse(text) {
        for train in catalogue.trains() {
            let plan = train.plan();
            assert_eq!(plan.hash(), train.hash());
            assert_eq!(plan.number(), train.number());
            let again = plan_from_text(train.text()).expect("its own text is a plan");
            assert_eq!(again.hash(), train.hash());
        }
    }
    for line in text.lines() {
        if let Ok(entry) = entry_from_json(line) {
            let written = entry_to_json(&entry);
            let again = entry_from_json(&written).expect("what was written is read");
            assert_eq!(again, entry);
            assert_eq!(entry_to_json(&again), written, "the form is canonical");
            let _ = plan_from_text(&written);
        }
    }
}

/// Groups of a small world, as frames and as payloads.
fn frames() -> Vec<Vec<u8>> {
    let mut world = World::new(7);
    let mut first = Section::default();
    world.create(&mut first);
    world.create(&mut first);
    let groups = [first, world.group(4), world.group(12)];
    let started =
        NodeRecord::Started { grace_until: None, at: world.now, software: "berth".into() };
    let mut seeds = Vec::new();
    let mut chain = Chain::default();
    for group in &groups {
        let mut payload = Vec::new();
        put_group(&mut payload, core::slice::from_ref(&started), &[(0, group), (1, &groups[0])]);
        let names: Vec<Named> = names_of(group.touched().iter().copied());
        let mut whole = Vec::new();
        chain.append(Magic::Group, names, &mut whole, |out| out.extend_from_slice(&payload));
        seeds.extend([payload, whole]);
    }
    seeds
}

/// Events, records and a chunk.
fn events() -> Vec<Vec<u8>> {
    let mut seeds = Vec::new();
    for payload in frames() {
        let Ok(frame) = Frame::decode(LogPosition::default(), &payload) else { continue };
        for (.., event) in frame.events() {
            let mut bytes = Vec::new();
            v1::encode_event(event, &mut bytes);
            seeds.push(bytes);
        }
        for record in &frame.records {
            let mut bytes = Vec::new();
            v1::encode_record(record, &mut bytes);
            seeds.push(bytes);
        }
    }
    // Run, version and format of a chunk, one span of one event that expires a hold.
    let mut chunk = vec![1, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 2, 9, 4, 1];
    chunk.extend([5, 7]);
    seeds.push(chunk);
    seeds.sort();
    seeds.dedup();
    seeds
}

/// States of runs that were asked something.
fn snapshots() -> Vec<Vec<u8>> {
    let mut world = World::new(3);
    world.create(&mut Section::default());
    let mut seeds = Vec::new();
    for commands in [0, 1, 3, 9, 27] {
        world.group(commands);
        seeds.push(EncodedSnapshot::of(&world.runs[0], RunIndex(0)).state);
    }
    seeds
}

/// A catalogue of one train, and lines with everything that a line may have.
fn catalogues() -> Vec<Vec<u8>> {
    let pools = r#"{"number":"00001","name":"P","days":"1010101","stops":[["A",0,null,10],["B",5,20,21],["C",9,30,null]],"coaches":["B1:3A","S1:SL@1-2"],"pools":[{"quota":"GN","class":"3A","size":"rest","opens":"run","party_max":6},{"quota":"TQ","class":"3A","size":"30%","opens":"D-1 10:00","party_max":4,"board":[1,2],"alight":[2,3]}]}"#;
    let header = header_to_json("Asia/Kolkata");
    [format!("{header}\n{TEXT}\n"), TEXT.to_owned(), pools.to_owned(), "B1:3A".to_owned()]
        .map(String::into_bytes)
        .to_vec()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_and_every_input_that_was_kept() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/corpus");
        for target in TARGETS {
            let seeds = (target.seeds)();
            assert!(!seeds.is_empty(), "{} has nothing to begin with", target.name);
            for seed in &seeds {
                (target.run)(seed);
            }
            let kept = std::fs::read_dir(corpus.join(target.name)).expect("a folder of inputs");
            for file in kept {
                (target.run)(&std::fs::read(file.unwrap().path()).unwrap());
            }
        }
    }
}
