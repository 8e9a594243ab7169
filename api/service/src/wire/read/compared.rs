//! Both ways from bytes to a command, compared: whatever the bytes are, they lead to the same. For
//! tests and fuzzers.

use super::*;

/// What a message of a session leads to: its commands, or the status that ends the stream.
pub(crate) type Led = Result<Vec<Asked>, (tonic::Code, String)>;

/// Reads a message of a session both ways and gives what both lead to.
pub(crate) fn led(message: &[u8], holds: &HoldTimes) -> Led {
    type Way = fn(&[u8], &HoldTimes, &mut Vec<Asked>) -> Result<(), Status>;
    let read = |way: Way| {
        let mut asked = Vec::new();
        let ended = way(message, holds, &mut asked);
        ended.map(|()| asked).map_err(|status| (status.code(), status.message().to_owned()))
    };
    let (straight, by_prost) = (read(session), read(session_by_prost));
    assert_eq!(straight, by_prost, "{message:02x?}");
    straight
}

/// Reads the request of a call both ways.
pub(crate) fn called(kind: Kind, message: &[u8], holds: &HoldTimes) {
    let read = request(kind, message, holds);
    match request_by_prost(kind, message, holds) {
        Ok(Ok(ask)) => assert_eq!(read.expect("it is well-formed"), ask),
        Ok(Err(invalid)) => {
            let status = read.expect_err("it has violations");
            assert_eq!(status.message(), Trouble::from(invalid).into_status().message());
        }
        Err(error) => {
            let status = read.expect_err("it is no protobuf");
            assert_eq!(status.message(), error.to_string());
        }
    }
}
