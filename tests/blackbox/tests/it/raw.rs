//! HTTP/2 by hand: what no client of ours would send, and answers as they are on the wire.

use h2::client::SendRequest;
use http::Request;
use prost::bytes::Bytes;
use tokio::net::TcpStream;
use tonic::Code;

/// One connection to one address.
pub struct Raw {
    address: String,
    send: SendRequest<Bytes>,
}

/// What came back.
#[derive(Debug)]
pub struct Told {
    pub code: Code,
    pub message: String,
    pub pushback: Option<String>,
    pub body: Vec<u8>,
}

impl Raw {
    pub async fn connect(address: &str) -> Self {
        let socket = TcpStream::connect(address).await.expect("the listener takes a connection");
        let (send, connection) = h2::client::handshake(socket).await.expect("HTTP/2");
        // A connection that breaks is seen by whoever waits for an answer on it.
        tokio::spawn(async move { drop(connection.await) });
        Self { address: address.to_owned(), send }
    }

    /// A unary call with this message, framed as gRPC wants it.
    pub async fn call(&mut self, path: &str, headers: &[(&str, &str)], message: &[u8]) -> Told {
        let mut body = vec![0];
        body.extend_from_slice(&(message.len() as u32).to_be_bytes());
        body.extend_from_slice(message);
        self.post(path, headers, body).await
    }

    /// Whether a request with these headers is refused before anybody reads it.
    pub async fn refused(&mut self, path: &str, headers: &[(&str, &str)]) -> bool {
        let request = Request::post(format!("http://{}{path}", self.address));
        let add = |request: http::request::Builder, (name, value): &(&str, &str)| {
            request.header(*name, *value)
        };
        let request = headers.iter().fold(request, add).body(()).expect("a request");
        let mut send = self.send.clone().ready().await.expect("the connection is open");
        let (answer, _) = send.send_request(request, true).expect("a stream");
        answer.await.map_or(true, |answer| answer.status().as_u16() == 431)
    }

    /// These bytes as the body.
    pub async fn post(&mut self, path: &str, headers: &[(&str, &str)], body: Vec<u8>) -> Told {
        let mut request = Request::post(format!("http://{}{path}", self.address))
            .header("content-type", "application/grpc")
            .header("te", "trailers");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(()).expect("a request");
        let mut send = self.send.clone().ready().await.expect("the connection is open");
        let (answer, mut stream) = send.send_request(request, false).expect("a stream");
        // A server may answer and close before it has read everything.
        let _ = stream.send_data(body.into(), true);
        let response = answer.await.expect("an answer");
        let (head, mut rest) = response.into_parts();
        let mut body = Vec::new();
        while let Some(Ok(piece)) = rest.data().await {
            // Giving room back cannot fail while the stream is ours.
            let _ = rest.flow_control().release_capacity(piece.len());
            body.extend_from_slice(&piece);
        }
        let trailers = rest.trailers().await.ok().flatten();
        let all = trailers.unwrap_or(head.headers);
        let text = |name: &str| {
            all.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
        };
        let code = text("grpc-status").unwrap_or_else(|| panic!("no grpc-status in {all:?}"));
        Told {
            code: Code::from_bytes(code.as_bytes()),
            message: text("grpc-message").unwrap_or_default(),
            pushback: text("grpc-retry-pushback-ms"),
            body,
        }
    }
}
