//! Recorded histories of a server that is killed again and again: is there an order in which all
//! that many clients were told is what one run after the other would have said?
//!
//! `stand` is what the clients share, `client` what one of them does, `wire` turns messages into
//! lines of a history and back. The judges are those of `berth-history`. `BERTH_TEST_OPERATIONS`
//! asks for longer histories, `BERTH_TEST_HISTORY` names a file to keep the last one in.

mod client;
mod stand;
mod wire;

use std::time::Instant;

use berth_history::search::Verdict;
use berth_history::{History, Refused, Said, ordered, search};

use crate::patience::until_counted;
use crate::server::{Home, Server};
use stand::{Size, Stand};

/// Short deadlines, so that some pass; and hardly any grace, so that a restart does not undo that.
const SETTINGS: &[&str] = &["--hold-min-seconds", "1", "--grace-seconds", "1"];
/// Answers of a sample of which no version is believed.
const SAMPLE: u64 = 10_000;

fn knob(name: &str, usual: u64) -> u64 {
    let asked = std::env::var(name);
    asked.map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Records until so many answers are there, over so many kills, and joins the journal.
async fn record(size: Size, answers: u64, kills: u64) -> History {
    let home = Home::new();
    let mut server = home.serve_with(SETTINGS);
    let stand = Stand::open(&server, size).await;
    let clients = stand.play(answers);
    for kill in 1..=kills {
        let mark = answers * kill / (kills + 1);
        until_counted("answers", mark, || stand.answered()).await;
        stand.close_doors();
        server.kill();
        server = home.serve_with(SETTINGS);
        stand.open_doors(&server).await;
    }
    until_counted("answers", answers, || stand.answered()).await;
    let tries = stand.finish(clients).await;
    let events = wire::journal(&server, &stand.runs).await;
    let runs = stand.runs.iter().map(|run| run.plan.clone()).collect();
    let history = History { runs, tries, events };
    keep(&history, &server);
    history
}

fn keep(history: &History, server: &Server) {
    let Some(path) = std::env::var_os("BERTH_TEST_HISTORY") else { return };
    let file = std::fs::File::create(path).expect("the history can be written");
    let mut file = std::io::BufWriter::new(file);
    berth_history::write(history, &mut file).expect("the history can be written");
    eprintln!("kept what {} told", server.url());
}

/// Makes a finding of a broken history: keeps it, and says what is wrong.
fn assert_sound(report: &ordered::Report) {
    let listed = report.violations.join("\n");
    assert_eq!(report.violations_count, 0, "{}\n{listed}", report.line());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn answers_over_kills_are_those_of_one_order() {
    let answers = knob("BERTH_TEST_OPERATIONS", 6_000);
    let begun = Instant::now();
    let kills = 2 + answers / 50_000;
    let history = record(Size::wide(), answers, kills).await;
    let recorded = begun.elapsed();
    let report = ordered::check(&history);
    let judged = begun.elapsed().saturating_sub(recorded);
    println!(
        "\nproof: {kills} kills; recorded in {recorded:?}, judged in {judged:?}: {}",
        report.line()
    );
    let kinds = ordered::kinds(&history).into_iter().map(|(kind, count)| format!("{kind} {count}"));
    println!("proof: {}", kinds.collect::<Vec<_>>().join(", "));
    assert_sound(&report);
    assert!(report.answers >= answers && report.refusals > answers / 50, "{}", report.line());
    assert!(report.unanswered > 0 && report.retries > 0, "{}", report.line());
    bites(history);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_found_without_believing_a_version() {
    let samples = knob("BERTH_TEST_SAMPLES", 0);
    let (samples, answers) = if samples == 0 { (1, 1_500) } else { (samples, SAMPLE) };
    let mut decided = 0;
    for sample in 0..samples {
        let history = record(Size::narrow(), answers, 1).await;
        assert_sound(&ordered::check(&history));
        for run in 0..history.runs.len() as u32 {
            let begun = Instant::now();
            let verdict = search::check(&history, run);
            println!("\nproof: sample {sample}, run {run}: {verdict:?} in {:?}", begun.elapsed());
            // Not found in time is no verdict; it is told, and another run must have one.
            assert!(!matches!(verdict, Verdict::Broken { .. }), "{verdict:?}");
            decided += u64::from(matches!(verdict, Verdict::Linearizable { .. }));
        }
    }
    println!("proof: an order was found for {decided} runs of {samples} samples");
    assert!(decided >= samples, "{decided} of {samples}");
}

/// The judge that was content a moment ago finds one lie in all of it.
fn bites(mut history: History) {
    let free = |said: &Said| matches!(said, Said::Refused(Refused::SoldOut { .. }));
    let mut answers = history.tries.iter_mut().filter_map(|one| one.answer.as_mut());
    let lie = answers.rfind(|answer| free(&answer.said)).expect("somebody came too late");
    let Said::Refused(Refused::SoldOut { free, .. }) = &mut lie.said else { unreachable!() };
    *free += 1;
    let report = ordered::check(&history);
    assert_eq!(report.violations_count, 1, "{}", report.line());
}
