//! The `profkit` command.

/// Reading thousands of files takes and gives back thousands of large blocks. glibc's allocator hands each back to the
/// kernel at once, and getting it again cost a third of the time of a merge. Huge pages are off (`no_thp`): they make a
/// small run take 40 MB instead of 14, for a tenth of the time of a large one.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() {
    profkit::run_and_exit(std::env::args_os())
}
