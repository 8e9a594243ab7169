//! Holds and bookings that are not here.

use berth_client::v1::{self, Reason};

use super::Victim;
use crate::asking::{
    AHEAD, Answered as _, cancel, confirm, day, extend, get_booking, get_hold, release, reserve,
};
use crate::server::Server;

/// Every call about this hold says that it is not known.
async fn is_unknown(server: &Server, hold: &str) {
    let client = server.client().await;
    let told = [
        client.get_hold(get_hold(hold)).await.unwrap().refused(),
        client.confirm(confirm(hold)).await.unwrap().refused(),
        client.release(release(hold)).await.unwrap().refused(),
        client.extend(extend(hold, 60)).await.unwrap().refused(),
    ];
    for refusal in told {
        assert_eq!(refusal.reason(), Reason::UnknownHold);
        assert_eq!(
            refusal.message,
            format!(
                "hold {hold} is not known here: never made, or forgotten some time after it ended; \
                 check the id, or reserve anew"
            )
        );
        assert!(!refusal.retryable);
    }
}

#[tokio::test]
async fn a_forged_hold_is_not_known() {
    let victim = Victim::new().await;
    let client = victim.server.client().await;
    let ask = reserve("10001", 1);
    let genuine = client.reserve(ask).await.unwrap().done().hold_id;
    let before = victim.server.written().await;
    let flipped = u128::from_str_radix(&genuine, 16).unwrap();
    for bit in (0..128).step_by(8) {
        is_unknown(&victim.server, &format!("{:032x}", flipped ^ 1 << bit)).await;
    }
    for forged in [0, 1, u128::MAX] {
        is_unknown(&victim.server, &format!("{forged:032x}")).await;
    }
    Victim { before, ..victim }.goes_unharmed().await;
}

#[tokio::test]
async fn a_hold_of_another_data_directory_is_not_known() {
    let victim = Victim::new().await;
    let elsewhere = Server::start();
    let client = elsewhere.client().await;
    for _ in 0..4 {
        let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
        is_unknown(&victim.server, &hold.hold_id).await;
    }
    victim.goes_unharmed().await;
}

#[tokio::test]
async fn a_hold_of_a_retired_run_cannot_be_paid() {
    let server = Server::start();
    let client = server.client().await;
    let hold = client.reserve(reserve("10001", 1)).await.unwrap().done().hold_id;
    let retire = v1::RetireTrainRunRequest {
        train: "10001".into(),
        start_date: day(AHEAD),
        ..Default::default()
    };
    server.admin().await.retire_train_run(retire).await.unwrap().done();
    let before = server.written().await;
    let told = [
        client.confirm(confirm(&hold)).await.unwrap().reason(),
        client.release(release(&hold)).await.unwrap().reason(),
        client.extend(extend(&hold, 60)).await.unwrap().reason(),
        client.reserve(reserve("10001", 1)).await.unwrap().reason(),
    ];
    assert_eq!(
        told,
        [Reason::HoldExpired, Reason::HoldExpired, Reason::HoldExpired, Reason::Closed]
    );
    assert_eq!(server.written().await, before);
    client.reserve(reserve("10005", 1)).await.unwrap().done();
}

#[tokio::test]
async fn a_pnr_that_never_was_is_not_known() {
    let victim = Victim::new().await;
    let client = victim.server.client().await;
    for pnr in ["1000000000", "9999999999", "4821736450"] {
        let told = [
            client.get_booking(get_booking(pnr)).await.unwrap().refused(),
            client.cancel(cancel(pnr)).await.unwrap().refused(),
        ];
        for refusal in told {
            assert_eq!(refusal.reason(), Reason::UnknownBooking);
            assert_eq!(refusal.message, format!("PNR {pnr} is not known here; check the number"));
        }
    }
    victim.goes_unharmed().await;
}
