//! Prints the OpenAPI document of the management API: `cargo run -p strongroom-http --example openapi`.

#[expect(clippy::print_stdout, reason = "this is what it is for")]
fn main() -> Result<(), serde_json::Error> {
    println!("{}", serde_json::to_string_pretty(&strongroom_http::openapi::document())?);
    Ok(())
}
