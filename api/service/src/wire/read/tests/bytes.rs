//! Bytes that no generator of ours writes: each is read as prost reads it.

use prost::encoding::{WireType, encode_key, encode_varint};

use super::*;

const UUID: &[u8] = b"7f0c1f0e-3f3b-4c63-9a52-6f8d1f3f3a11";
const HOLD: &[u8] = b"00112233445566778899aabbccddeeff";

/// A length-delimited field.
fn field(number: u32, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::LengthDelimited, &mut bytes);
    encode_varint(value.len() as u64, &mut bytes);
    bytes.extend_from_slice(value);
    bytes
}

fn varint(number: u32, value: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode_key(number, WireType::Varint, &mut bytes);
    encode_varint(value, &mut bytes);
    bytes
}

/// A session message of one release with these fields.
fn release_of(fields: &[Vec<u8>]) -> Vec<u8> {
    let command = [varint(1, 5), field(5, &fields.concat())].concat();
    field(1, &command)
}

fn get_hold_of(hold: &[u8]) -> Vec<u8> {
    field(1, &[varint(1, 300), varint(2, 9), field(8, &field(1, hold))].concat())
}

fn asked(message: &[u8]) -> Vec<Asked> {
    led(message, &HoldTimes::default()).expect("the session goes on")
}

/// Who a release means, one bit each; the outer `None`: it is a fault.
fn who(message: &[u8]) -> Option<u8> {
    let [Asked { ask, .. }] = &asked(message)[..] else { panic!("one command") };
    match &ask.as_ref().ok()?.command {
        berth_inventory::Command::Release(release) => {
            Some(release.passengers.map_or(0, |set| set.0))
        }
        other => panic!("a release, got {other:?}"),
    }
}

#[test]
fn fields_may_come_in_any_order_and_unknown_ones_are_skipped() {
    let (id, hold) = (field(1, UUID), field(2, HOLD));
    let fine = Some(0);
    assert_eq!(who(&release_of(&[id.clone(), hold.clone()])), fine);
    assert_eq!(who(&release_of(&[hold.clone(), id.clone()])), fine);
    let strange = [field(15, b"later"), field(100, b"\xff"), varint(2_000, 1)];
    for unknown in strange {
        assert_eq!(who(&release_of(&[id.clone(), unknown, hold.clone()])), fine);
    }
    let (group, fixed) = (vec![0x7b, 0x08, 1, 0x7c], vec![0x7d, 1, 2, 3, 4]);
    assert_eq!(who(&release_of(&[id.clone(), group, hold.clone()])), fine);
    assert_eq!(who(&release_of(&[id, fixed, hold])), fine);
}

#[test]
fn the_last_of_several_values_counts() {
    let (id, hold) = (field(1, UUID), field(2, HOLD));
    let other = field(2, &[b'1'; 32]);
    let twice = asked(&release_of(&[id.clone(), other, hold.clone()]));
    assert_eq!(twice, asked(&release_of(&[id.clone(), hold.clone()])));
    // The one that does not count must be a text all the same.
    let broken = release_of(&[id, field(2, b"\xff\xfe"), hold]);
    let (code, why) = led(&broken, &HoldTimes::default()).expect_err("no protobuf");
    assert_eq!(code, tonic::Code::InvalidArgument);
    assert!(why.contains("failed to decode Protobuf message"), "{why}");
}

#[test]
fn numbers_may_be_packed_or_not() {
    let with = |numbers: &[Vec<u8>]| {
        let named = [field(1, UUID), field(2, HOLD)];
        who(&release_of(&[&named[..], numbers].concat()))
    };
    assert_eq!(with(&[field(3, &[1, 3])]), Some(0b101));
    assert_eq!(with(&[varint(3, 1), varint(3, 3)]), Some(0b101));
    assert_eq!(with(&[varint(3, 3), field(3, &[1]), field(3, &[])]), Some(0b101));
    assert_eq!(with(&[field(3, &[])]), Some(0));
    assert_eq!(with(&[varint(3, 1), varint(3, 1)]), None, "twice");
    assert_eq!(with(&[field(3, &[0])]), None);
    assert_eq!(with(&[field(3, &[0x81, 0x00])]), Some(1), "one in two bytes");
    assert_eq!(with(&[varint(3, 1 << 32 | 1)]), Some(1), "what prost cuts off");
}

#[test]
fn one_odd_command_does_not_spoil_the_others() {
    let good = get_hold_of(HOLD);
    let unset = field(1, &varint(1, 2));
    let two = field(1, &[field(8, &field(1, HOLD)), field(9, &field(1, b"1234567890"))].concat());
    let read = asked(&[good.clone(), unset, two, good.clone()].concat());
    let fine: Vec<bool> = read.iter().map(|asked| asked.ask.is_ok()).collect();
    assert_eq!(fine, [true, false, true, true]);
    // One that is no protobuf ends the stream, and nothing is begun.
    led(&[good, field(1, &[0xff])].concat(), &HoldTimes::default()).expect_err("no protobuf");
}

#[test]
fn a_message_has_1_to_1024_commands() {
    let one = get_hold_of(HOLD);
    for (count, fine) in [(0, false), (1, true), (1_024, true), (1_025, false)] {
        let read = led(&one.repeat(count), &HoldTimes::default());
        assert_eq!(read.map(|asked| asked.len()).ok(), fine.then_some(count));
    }
    led(&field(7, b"only what is unknown"), &HoldTimes::default()).expect_err("no command");
}

#[test]
fn a_message_is_read_behind_those_of_others_and_a_broken_one_takes_none_along() {
    let (one, holds) = (get_hold_of(HOLD), HoldTimes::default());
    let mut asked = Vec::new();
    session(&one.repeat(2), &holds, &mut asked).expect("fine");
    let broken = [&one[..], &field(1, &[0xff])].concat();
    session(&broken, &holds, &mut asked).expect_err("no protobuf");
    session(&one.repeat(1_025), &holds, &mut asked).expect_err("too many");
    session(&[], &holds, &mut asked).expect_err("no command");
    assert_eq!(asked.len(), 2, "what was read before stays, and nothing of the broken ones");
    session(&one.repeat(1_024), &holds, &mut asked).expect("others do not count");
    assert_eq!(asked.len(), 1_026);
}

#[test]
fn a_message_cut_or_flipped_anywhere_is_read_as_prost_reads_it() {
    let release = release_of(&[field(1, UUID), field(2, HOLD), field(3, &[1, 2])]);
    let whole = [get_hold_of(HOLD), release].concat();
    for end in 0..=whole.len() {
        drop(led(&whole[..end], &HoldTimes::default()));
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << bit;
            drop(led(&flipped, &HoldTimes::default()));
        }
    }
}
