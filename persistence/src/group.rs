//! What a frame of the commit log carries: one group, the node's records and one section a shard.
//!
//! Items come out in the order in which they were executed within a shard; between shards there
//! is no order but that of frames. A run's events are all in one shard's section of a group.

use berth_inventory::{Event, RunIndex, UnixMillis, Version};

use crate::codec::CodecFault;
use crate::frame::Named;
use crate::section::{NodeRecord, Section, TAG_PLAN_TEXT, TAG_SPAN, TAG_STAMP, Touch};
use crate::stored::v1;
use crate::{Lsn, varint};

/// Where something is in a log of segment files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// The frame.
    pub lsn: Lsn,
    /// Id of its segment: the LSN with which the segment begins.
    pub segment: u64,
    /// Byte in the segment.
    pub offset: u64,
}

/// A decoded frame of the commit log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// Its number.
    pub lsn: Lsn,
    /// Where it is.
    pub at_position: LogPosition,
    /// The node's records, catalogue texts of the sections included.
    pub records: Vec<NodeRecord>,
    /// One section a shard that had events.
    pub sections: Vec<FrameSection>,
}

/// A shard's part of a frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameSection {
    /// The shard.
    pub shard: u16,
    /// Its spans in execution order.
    pub spans: Vec<Span>,
}

/// Events of one run that follow each other under one stamp.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Span {
    /// The run.
    pub run: RunIndex,
    /// When.
    pub at: UnixMillis,
    /// Version that the first event makes; the next makes the next.
    pub first: Version,
    /// The events.
    pub events: Vec<Event>,
}

/// One thing a group carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Item {
    /// A record of the node.
    Record(NodeRecord),
    /// An event of a run.
    Event {
        /// Shard that executed it.
        shard: u16,
        /// The run.
        run: RunIndex,
        /// When.
        at: UnixMillis,
        /// Version it makes.
        version: Version,
        /// What happened.
        event: Event,
    },
}

/// The runs touched by `sections`, sorted, each once.
pub(crate) fn names_of(touched: impl Iterator<Item = Touch>) -> Vec<Named> {
    let mut names: Vec<Named> = touched.map(|t| Named { run: t.run, created: t.created }).collect();
    // A creation sorts after `None` of the same run, and must win.
    names.sort_unstable_by(|a, b| a.run.cmp(&b.run).then(b.created.cmp(&a.created)));
    names.dedup_by_key(|n| n.run);
    names
}

/// Appends a group's payload.
pub(crate) fn put_group(out: &mut Vec<u8>, records: &[NodeRecord], sections: &[(u16, &Section)]) {
    varint::put(out, records.len() as u64);
    for record in records {
        v1::encode_record(record, out);
    }
    let filled = sections.iter().filter(|(_, section)| !section.is_empty());
    varint::put(out, filled.clone().count() as u64);
    for (shard, section) in filled {
        varint::put(out, u64::from(*shard));
        varint::put(out, section.len_bytes() as u64);
        out.extend_from_slice(section.bytes());
    }
}

fn short(what: &'static str) -> CodecFault {
    CodecFault::new(what, "it is cut short")
}

/// A span whose events are still to be taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SpanHead {
    /// Shard that executed it.
    pub shard: u16,
    /// The run.
    pub run: RunIndex,
    /// When.
    pub at: UnixMillis,
    /// Version that the first event makes.
    pub first: Version,
    /// Events.
    pub count: u16,
}

/// Sees the parts of a group, in order.
pub(crate) trait Visit<E> {
    /// A record of the node.
    fn record(&mut self, record: NodeRecord) -> Result<(), E>;

    /// A span. `events` begins with its events: just those are to be taken off the front.
    fn span(&mut self, head: SpanHead, events: &mut &[u8]) -> Result<(), E>;
}

/// Hands every part of a group's payload to `visit`. The payload's CRC was right, so a fault here
/// means that another software wrote it.
pub(crate) fn for_each_part<E: From<CodecFault>>(
    mut payload: &[u8],
    visit: &mut impl Visit<E>,
) -> Result<(), E> {
    let bytes = &mut payload;
    let records = varint::take(bytes).ok_or_else(|| short("group"))?;
    for _ in 0..records {
        visit.record(v1::decode_record(bytes)?)?;
    }
    let sections = varint::take(bytes).ok_or_else(|| short("group"))?;
    for _ in 0..sections {
        let shard: u16 = varint::take_as(bytes).ok_or_else(|| short("section"))?;
        let len = varint::take_as(bytes).ok_or_else(|| short("section"))?;
        let items = varint::take_bytes(bytes, len).ok_or_else(|| short("section"))?;
        for_each_of_section(shard, items, visit)?;
    }
    if bytes.is_empty() { Ok(()) } else { Err(CodecFault::new("group", "bytes follow it").into()) }
}

fn for_each_of_section<E: From<CodecFault>>(
    shard: u16,
    mut items: &[u8],
    visit: &mut impl Visit<E>,
) -> Result<(), E> {
    let bytes = &mut items;
    let mut at = UnixMillis(0);
    while let Some((tag, rest)) = bytes.split_first() {
        *bytes = rest;
        match *tag {
            TAG_STAMP => at = UnixMillis(varint::take(bytes).ok_or_else(|| short("stamp"))?),
            TAG_PLAN_TEXT => visit.record(v1::decode_record(bytes)?)?,
            TAG_SPAN => {
                let run = RunIndex(varint::take_as(bytes).ok_or_else(|| short("span"))?);
                let first = Version(varint::take(bytes).ok_or_else(|| short("span"))?);
                let count = varint::take_bytes(bytes, 2).ok_or_else(|| short("span"))?;
                let count = u16::from_le_bytes([count[0], count[1]]);
                visit.span(SpanHead { shard, run, at, first, count }, bytes)?;
            }
            other => return Err(CodecFault::new("section", format!("unknown tag {other}")).into()),
        }
    }
    Ok(())
}

/// Hands every item of a group's payload to `visit`, in order, each event decoded.
pub(crate) fn for_each_item<E: From<CodecFault>>(
    payload: &[u8],
    visit: &mut impl FnMut(Item) -> Result<(), E>,
) -> Result<(), E> {
    for_each_part(payload, &mut Decoding(visit))
}

struct Decoding<'a, F>(&'a mut F);

impl<E: From<CodecFault>, F: FnMut(Item) -> Result<(), E>> Visit<E> for Decoding<'_, F> {
    fn record(&mut self, record: NodeRecord) -> Result<(), E> {
        self.0(Item::Record(record))
    }

    fn span(&mut self, head: SpanHead, events: &mut &[u8]) -> Result<(), E> {
        let SpanHead { shard, run, at, first: mut version, count } = head;
        for _ in 0..count {
            let event = v1::decode_event(events)?;
            self.0(Item::Event { shard, run, at, version, event })?;
            version = version.next();
        }
        Ok(())
    }
}

impl Frame {
    /// Decodes the payload of the frame at `at_position`.
    pub(crate) fn decode(at_position: LogPosition, payload: &[u8]) -> Result<Self, CodecFault> {
        let mut frame =
            Self { lsn: at_position.lsn, at_position, records: Vec::new(), sections: Vec::new() };
        for_each_item(payload, &mut |item| {
            frame.take(item);
            Ok::<_, CodecFault>(())
        })?;
        Ok(frame)
    }

    fn take(&mut self, item: Item) {
        let (shard, run, at, version, event) = match item {
            Item::Record(record) => return self.records.push(record),
            Item::Event { shard, run, at, version, event } => (shard, run, at, version, event),
        };
        if self.sections.last().is_none_or(|s| s.shard != shard) {
            self.sections.push(FrameSection { shard, spans: Vec::new() });
        }
        let Some(section) = self.sections.last_mut() else { return };
        match section.spans.last_mut() {
            Some(span)
                if span.run == run
                    && span.at == at
                    && span.first.0 + span.events.len() as u64 == version.0 =>
            {
                span.events.push(event);
            }
            _ => section.spans.push(Span { run, at, first: version, events: vec![event] }),
        }
    }

    /// Every event with shard, run, stamp and version, in order.
    pub fn events(&self) -> impl Iterator<Item = (u16, RunIndex, UnixMillis, Version, &Event)> {
        self.sections.iter().flat_map(|section| {
            section.spans.iter().flat_map(|span| {
                span.events.iter().enumerate().map(|(i, event)| {
                    let version = Version(span.first.0 + i as u64);
                    (section.shard, span.run, span.at, version, event)
                })
            })
        })
    }
}
