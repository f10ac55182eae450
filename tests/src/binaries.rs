//! Where the binaries under test are.

use std::path::PathBuf;

/// A binary of the workspace, beside the running test.
pub fn path(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    // target/<profile>/deps/<test> -> target/<profile>/<name>
    let directory = test
        .parent()
        .and_then(|deps| deps.parent())
        .expect("a target folder");
    let path = directory.join(name);
    assert!(
        path.exists(),
        "{} is not built: run `make test`",
        path.display()
    );
    path
}

/// The folder of the checkout.
pub fn workspace() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the workspace")
        .to_owned()
}
