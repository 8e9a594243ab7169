//! What every disk does while nothing goes wrong.

use std::io::ErrorKind;

use crate::disk::{DiskPath, Open};

/// Holds the disk of `root`, where nothing is yet, to the trait.
pub fn disk(root: &DiskPath) {
    let disk = root.disk();
    let fault = |done: std::io::Result<()>| done.expect_err("refused").kind();
    assert!(!disk.is_dir(root));
    assert_eq!(disk.names(root).expect_err("no directory").kind(), ErrorKind::NotFound);
    disk.create_dir(root).expect("creates");
    assert!(disk.is_dir(root));
    assert_eq!(fault(disk.create_dir(root)), ErrorKind::AlreadyExists);
    assert!(disk.names(root).expect("lists").is_empty());

    let (one, two) = (root.join("one"), root.join("two"));
    for how in [Open::Read, Open::Write] {
        assert_eq!(disk.open(&one, how).expect_err("not there").kind(), ErrorKind::NotFound);
    }
    let file = disk.open(&one, Open::Create).expect("creates");
    let again = disk.open(&one, Open::Create).expect_err("there");
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);
    let nowhere = disk.open(&root.join("no/where"), Open::Create).expect_err("no directory");
    assert_eq!(nowhere.kind(), ErrorKind::NotFound);
    assert_eq!(file.bytes().expect("has a length"), 0);
    let all = |wanted: &[u8]| {
        let mut found = vec![9; wanted.len() + 5];
        let read = file.read_at(&mut found, 0).expect("reads");
        assert_eq!(&found[..read], wanted);
        assert_eq!(file.bytes().expect("has a length"), wanted.len() as u64);
        assert_eq!(file.read_at(&mut found, wanted.len() as u64 + 3).expect("reads"), 0);
    };
    assert_eq!(file.write_at(b"berth", 3).expect("writes"), 5);
    all(b"\0\0\0berth");
    assert_eq!(file.write_at(b"BE", 3).expect("writes"), 2);
    file.set_len(5).expect("is cut");
    all(b"\0\0\0BE");
    file.set_len(7).expect("grows");
    all(b"\0\0\0BE\0\0");
    file.sync_data().expect("syncs");

    disk.rename(&one, &two).expect("renames");
    assert_eq!(fault(disk.rename(&one, &two)), ErrorKind::NotFound);
    drop(disk.open(&one, Open::Create).expect("its name is free again"));
    disk.sync_dir(root).expect("syncs");
    let mut names = disk.names(root).expect("lists");
    names.sort_unstable();
    assert_eq!(names, ["one", "two"]);
    disk.rename(&two, &one).expect("a rename replaces");
    assert_eq!(disk.names(root).expect("lists"), ["one"]);
    all(b"\0\0\0BE\0\0");
    let reader = disk.open(&one, Open::Read).expect("opens");
    assert!(reader.write_at(b"x", 0).is_err(), "opened for reading");
    disk.remove(&one).expect("removes");
    disk.sync_dir(root).expect("syncs");
    assert_eq!(fault(disk.remove(&one)), ErrorKind::NotFound);
    all(b"\0\0\0BE\0\0");
    assert!(disk.free_space(root).expect("says") > 0);
}
