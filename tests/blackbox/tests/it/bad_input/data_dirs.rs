//! Data directories that a server will not start in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::asking::{Answered as _, get_hold, reserve};
use crate::server::Home;

#[tokio::test]
async fn a_directory_in_use_names_who_has_it_and_since_when() {
    let home = Home::new();
    let server = home.serve();
    let client = server.client().await;
    let hold = client.reserve(reserve("10001", 1)).await.unwrap().done();
    let before = server.written().await;
    let (code, said) = home.refuse();
    assert_eq!(code, Some(1), "{said}");
    let (pid, address) = (server.pid(), server.address());
    let begins =
        format!("berth: data directory {} is in use by pid {pid} since 20", home.data().display());
    let ends = format!(
        "serving on {address}: stop that process, or name another directory with --data-dir"
    );
    assert!(said.starts_with(&begins) && said.ends_with(&ends), "{said}");
    assert_eq!(server.written().await, before);
    client.get_hold(get_hold(&hold.hold_id)).await.unwrap().done();
    // The lock ends with its process, however that ends.
    drop(server.kill().serve());
}

#[test]
fn a_file_in_its_place_is_named() {
    let home = Home::new();
    fs::write(home.data(), "a file").unwrap();
    let (code, said) = home.refuse();
    assert_eq!(code, Some(1));
    let begins = format!("berth: data directory {}: ", home.data().display());
    assert!(said.starts_with(&begins), "{said}");
    assert!(said.ends_with("; name one this user may write with --data-dir"), "{said}");
    assert_eq!(fs::read_to_string(home.data()).unwrap(), "a file");
}

#[test]
fn a_directory_that_may_not_be_written_is_named() {
    if rustix::process::geteuid().is_root() {
        // Root may write everywhere, but not into what the kernel shows of a process.
        let home = Home::new();
        let (code, said) = home.refuse_in(std::path::Path::new("/proc/self/berth"));
        assert_eq!(code, Some(1));
        assert!(said.starts_with("berth: data directory /proc/self/berth: "), "{said}");
        assert!(said.ends_with("--data-dir"), "{said}");
        return;
    }
    let home = Home::new();
    drop(home.serve());
    fs::set_permissions(home.data(), fs::Permissions::from_mode(0o555)).unwrap();
    let (code, said) = home.refuse();
    fs::set_permissions(home.data(), fs::Permissions::from_mode(0o755)).unwrap();
    assert_eq!(code, Some(1));
    assert!(said.ends_with("; name one this user may write with --data-dir"), "{said}");
}

#[tokio::test]
async fn a_newer_format_is_left_alone() {
    let home = Home::new();
    let server = home.serve();
    let hold = server.client().await.reserve(reserve("10001", 1)).await.unwrap().done();
    let home = server.kill();
    let format = home.data().join("FORMAT");
    let ours = fs::read_to_string(&format).unwrap();
    fs::write(&format, "berth-data 9\n").unwrap();
    let (code, said) = home.refuse();
    assert_eq!(code, Some(1));
    let expected = format!(
        "berth: data directory {} is of format 9, this software reads and writes format 1: start \
         the version that wrote it, or a newer one",
        home.data().display()
    );
    assert_eq!(said, expected);
    fs::write(&format, "something else\n").unwrap();
    let (code, said) = home.refuse();
    assert_eq!(code, Some(1));
    assert!(said.contains("should read \"berth-data 1\""), "{said}");
    // With its own word back, everything is there.
    fs::write(&format, ours).unwrap();
    let server = home.serve();
    let client = server.client().await;
    client.get_hold(get_hold(&hold.hold_id)).await.unwrap().done();
}
