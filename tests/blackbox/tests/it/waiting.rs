//! A waiting room over kills: places, tokens and what was bought with them.

use std::time::{SystemTime, UNIX_EPOCH};

use berth_client::{Client, v1};
use berth_inventory::UnixMillis;
use v1::TicketState::{Admitted, Early, Spent, Waiting};

use crate::asking::{AHEAD, Answered as _, day, reserve};
use crate::patience::until;
use crate::server::Home;

const PEOPLE: usize = 40;

/// A room before the train, opening in so many milliseconds, that lets in one a second.
fn room(home: &Home, opens_in: u64) -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    let opens_at = UnixMillis(now.as_millis() as u64 + opens_in);
    let path = home.beside("rooms.toml");
    let text = format!(
        "[[room]]\nname = \"morning\"\nruns = [\"10001/{}\"]\nopens_at = \"{opens_at}\"\nrate = 1\n\
         rate_floor = 1\n",
        day(AHEAD)
    );
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

async fn join(client: &Client, n: usize) -> v1::Ticket {
    let request = v1::JoinRequest {
        r#where: Some(v1::join_request::Where::Room("morning".into())),
        end_user: format!("user {n}"),
        ..Default::default()
    };
    client.join(request).await.unwrap().done()
}

async fn look(client: &Client, ticket: &str) -> v1::Ticket {
    let request = v1::GetTicketRequest { ticket: ticket.into(), run: None };
    client.get_ticket(request).await.unwrap().done()
}

/// Those who still wait, in their order.
async fn queue(client: &Client, tickets: &[String]) -> Vec<String> {
    let mut places = Vec::new();
    for ticket in tickets {
        let told = look(client, ticket).await;
        assert!(matches!(told.state(), Waiting | Admitted | Spent), "a place was lost: {told:?}");
        if told.state() == Waiting {
            places.push((told.position, told.ticket));
        }
    }
    places.sort();
    places.into_iter().map(|(_, ticket)| ticket).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn kills_cost_nobody_a_place_and_no_token_its_hold() {
    let home = Home::new();
    let rooms = room(&home, 3_000);
    let server = home.serve_with(&["--rooms", &rooms]);
    let client = server.client().await;
    let turned_away = client.reserve(reserve("10001", 1)).await.unwrap().refused();
    assert_eq!(turned_away.reason(), v1::Reason::NotAdmitted, "{turned_away:?}");
    assert_eq!(turned_away.facts.unwrap().room, "morning");
    let mut tickets = Vec::new();
    for n in 0..PEOPLE {
        tickets.push(join(&client, n).await.ticket);
    }
    // Killed before the draw, unless this machine is very slow: nobody has a place yet, and nobody loses the right to one.
    let server = server.kill().serve_with(&["--rooms", &rooms]);
    let client = server.client().await;
    until("the draw is held", async || {
        let states =
            [look(&client, &tickets[0]).await.state(), look(&client, &tickets[1]).await.state()];
        (!states.contains(&Early)).then_some(())
    })
    .await;
    let before = queue(&client, &tickets).await;
    assert!(before.len() > PEOPLE / 2, "{} wait", before.len());
    // Killed after it: everybody stands where they stood.
    let server = server.kill().serve_with(&["--rooms", &rooms]);
    let client = server.client().await;
    let after = queue(&client, &tickets).await;
    assert!(before.ends_with(&after), "{before:?} became {after:?}");
    let ticket = after[0].clone();
    let watching = v1::WaitingRoomWatchRequest { ticket: ticket.clone(), ..Default::default() };
    let mut watch = client.watch_ticket(watching).await.unwrap();
    let token = loop {
        let told = watch.message().await.unwrap().unwrap().done();
        if told.state() == Admitted {
            break told.admission_token;
        }
        assert_eq!(told.state(), Waiting);
    };
    let request = v1::ReserveRequest { admission_token: token.clone(), ..reserve("10001", 1) };
    let hold = client.reserve(request.clone()).await.unwrap().done();
    until("the room knows of it", async || {
        (look(&client, &ticket).await.state() == Spent).then_some(())
    })
    .await;
    // Killed after the hold: the retry finds it.
    let server = server.kill().serve_with(&["--rooms", &rooms]);
    let client = server.client().await;
    let again = client.reserve(request).await.unwrap().done();
    assert_eq!(again.hold_id, hold.hold_id);
}
