//! Rule books seen from outside: a bad one does not start, and a run keeps the one that it was opened
//! under.

use std::fs;

use berth_client::v1;

use crate::asking::{AHEAD, Answered as _, day, query, reserve, run};
use crate::server::{Home, Server};

/// One train that has no pools of its own.
const CATALOGUE: &str = r#"{"berth_catalogue":1,"zone":"Asia/Kolkata"}
{"number":"10001","name":"Plain Express","days":"1111111","stops":[["A",0,null,480],["B",100,560,565],["C",200,660,665],["D",300,760,765],["E",400,860,null]],"coaches":["S1:SL/ICF"]}
"#;

/// A book of two quotas, of which the second has so many berths.
fn book(berths: u16) -> String {
    format!(
        "berth_rules = 1\nname = \"own\"\n\n[[quota]]\ncode = \"GN\"\nname = \"general\"\nclasses = \
         [\"all\"]\nsize = \"rest\"\n\n[[quota]]\ncode = \"HO\"\nname = \"office\"\nclasses = [\"all\"]\n\
         size = {berths}\n"
    )
}

/// Quotas and their free berths over the whole route, so many days ahead.
async fn pools(server: &Server, days_ahead: i32) -> Vec<(String, u32)> {
    let ask = v1::QueryRequest { run: Some(run("10001", days_ahead)), ..query("10001") };
    let table = server.client().await.query(ask).await.unwrap().done();
    table.rows.into_iter().map(|row| (row.quota, row.count)).collect()
}

/// Which rule book a run says that it stands under.
async fn rules_of(server: &Server, days_ahead: i32) -> String {
    let ask = v1::GetTrainRunRequest { train: "10001".into(), start_date: day(days_ahead) };
    server.admin().await.get_train_run(ask).await.unwrap().done().rules
}

#[test]
fn a_bad_book_does_not_start_and_says_where_it_is_bad() {
    let home = Home::selling(CATALOGUE);
    let path = home.beside("rules.toml");
    fs::write(&path, book(9).replace("size = 9", "size = \"130%\"")).unwrap();
    let path = path.to_str().expect("a path of letters");
    let said = |arguments: &[&str]| {
        let output = home.berth(arguments);
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let fault = "line 14: quota[2].size: \"130%\" is not a size";
    for said in [said(&["rules", "check", path]), said(&["serve", "--rules", path])] {
        assert!(said.contains(path) && said.contains(fault), "{said}");
    }
    // Sound, but not for this train.
    fs::write(path, book(73)).unwrap();
    let catalogue = home.catalogue();
    let catalogue = catalogue.to_str().expect("a path of letters");
    let said = said(&["serve", "--rules", path, "--catalogue", catalogue]);
    let fault = "line 10: quota[2].size: train 10001: HO and the quotas before it take 73 berths of \
                 SL, which has 72";
    assert!(said.starts_with("berth: line 2, train 10001: ") && said.contains(fault), "{said}");
}

#[tokio::test]
async fn a_run_keeps_the_rules_that_it_was_opened_under() {
    let home = Home::selling(CATALOGUE);
    let path = home.beside("rules.toml");
    let with = ["--rules", path.to_str().expect("a path of letters")];
    fs::write(&path, book(10)).unwrap();
    let server = home.serve_with(&with);
    let hold = server.client().await.reserve(reserve("10001", 2)).await.unwrap().done();
    assert_eq!(hold.allocations.len(), 2);
    let first = rules_of(&server, AHEAD).await;
    assert!(first.starts_with("own@") && first.len() == 20, "{first}");
    let before = pools(&server, AHEAD).await;
    assert_eq!(before, [("GN".to_owned(), 60), ("HO".to_owned(), 10)]);
    drop(server);

    // Tomorrow's rules are others, or none; the run that has events keeps the old ones.
    fs::write(&path, book(30)).unwrap();
    let server = home.serve_with(&with);
    assert_eq!(pools(&server, AHEAD).await, before);
    assert_eq!(rules_of(&server, AHEAD).await, first);
    assert_eq!(pools(&server, AHEAD + 1).await, [("GN".to_owned(), 42), ("HO".to_owned(), 30)]);
    assert_ne!(rules_of(&server, AHEAD + 1).await, first);
    drop(server);
    fs::remove_file(&path).unwrap();
    let server = home.serve_with(&["--rules", "simple"]);
    assert_eq!(
        (pools(&server, AHEAD).await, rules_of(&server, AHEAD).await),
        (before, first.clone())
    );
    assert_eq!(pools(&server, AHEAD + 1).await, [("GN".to_owned(), 72)]);
    drop(server);

    // The journal has the text of the book, by the hash that the run names.
    let data = home.data();
    let data = data.to_str().expect("a path of letters");
    let inspected = home.berth(&["inspect", "--data-dir", data, "--frames", "1..", "--json"]);
    let frames = String::from_utf8_lossy(&inspected.stdout).into_owned();
    let hash = first.strip_prefix("own@").expect("its name");
    let kept = format!("\"rules_hash\":\"{hash}\",\"bytes\":{},\"text\":\"", book(10).len());
    assert_eq!(frames.matches("RULES_TEXT").count(), 1, "{frames}");
    assert!(frames.contains(&kept), "{frames}");
    let replayed = home.berth(&["replay", "--data-dir", data, "--verify"]);
    assert_eq!(replayed.status.code(), Some(0), "{replayed:?}");
}
