//! `berth` once more, built where the black-box tests find it.

fn main() -> std::process::ExitCode {
    berth_cli::main()
}
