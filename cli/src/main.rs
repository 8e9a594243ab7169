//! The command `berth`. Everything is in the library, which the black-box tests wrap as well.

fn main() -> std::process::ExitCode {
    berth_cli::main()
}
