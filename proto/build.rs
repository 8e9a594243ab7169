//! Turns `berth/v1/*.proto` into Rust with protox: no protoc, nothing outside Cargo.

use std::error::Error;
use std::path::PathBuf;

use prost::Message as _;

const FILES: [&str; 6] = [
    "berth/v1/common.proto",
    "berth/v1/inventory.proto",
    "berth/v1/availability.proto",
    "berth/v1/operations.proto",
    "berth/v1/journal.proto",
    "berth/v1/waiting_room.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo::rerun-if-changed={file}");
    }
    let set = protox::compile(FILES, ["."])?;
    let out = PathBuf::from(std::env::var_os("OUT_DIR").ok_or("OUT_DIR is not set by cargo")?);
    // Reflection serves this file; comments are for readers of the source and only make it large.
    let mut bare = set.clone();
    bare.file.iter_mut().for_each(|file| file.source_code_info = None);
    std::fs::write(out.join("berth_v1.bin"), bare.encode_to_vec())?;
    tonic_prost_build::configure().emit_rerun_if_changed(false).compile_fds(set)?;
    Ok(())
}
