//! An address that stays while servers behind it come and go.
//!
//! A server that is started again is on another port: nobody can promise that the old one is free.
//! Connections to the relay are copied to the server of the moment, or closed when there is none.

use std::sync::{Arc, Mutex};

use tokio::net::{TcpListener, TcpStream};

/// See the module.
pub struct Relay {
    address: String,
    behind: Arc<Mutex<Option<String>>>,
}

impl Relay {
    /// With nobody behind it.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let behind: Arc<Mutex<Option<String>>> = Arc::default();
        let to = Arc::clone(&behind);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let Some(server) = to.lock().unwrap().clone() else { continue };
                tokio::spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(server).await {
                        // It ends when either side does; both are told so.
                        drop(tokio::io::copy_bidirectional(&mut near, &mut far).await);
                    }
                });
            }
        });
        Self { address, behind }
    }

    /// URL of it.
    pub fn url(&self) -> &str {
        &self.address
    }

    /// From now on connections go there.
    pub fn lead_to(&self, server: Option<&str>) {
        *self.behind.lock().unwrap() = server.map(str::to_owned);
    }
}
