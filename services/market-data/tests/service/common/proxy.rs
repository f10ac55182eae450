//! A way to a server that can be cut and mended.

use std::sync::Arc;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// Passes connections on to a server, while it is open.
pub struct Proxy {
    port: u16,
    open: Arc<watch::Sender<bool>>,
}

impl Proxy {
    /// To a server on this machine.
    pub async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let open = Arc::new(watch::Sender::new(true));
        let gate = Arc::clone(&open);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut gate = gate.subscribe();
                tokio::spawn(async move {
                    let through = async {
                        let mut server = TcpStream::connect(("127.0.0.1", target)).await?;
                        copy_bidirectional(&mut client, &mut server).await
                    };
                    tokio::select! {
                        _ = gate.wait_for(|is_open| !is_open) => {}
                        _ = through => {}
                    }
                });
            }
        });
        Self { port, open }
    }

    pub fn port(&self) -> u16 {
        self.port
    }

    /// Ends the connections, and every new one at once.
    pub fn cut(&self) {
        self.open.send_replace(false);
    }

    pub fn mend(&self) {
        self.open.send_replace(true);
    }
}
