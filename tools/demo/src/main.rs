//! Stands in for the demo until it is written.

fn main() {
    println!("not yet");
}
