//! The two ways to sell: unary calls and a session. What holds for one holds for the other.

use berth_client::{Client, ClientError, Session, v1};

use crate::server::{Server, session_of};

/// See the module.
pub enum Door {
    Unary(Client),
    Session(Session),
}

impl Door {
    /// Both doors of a server.
    pub async fn both(server: &Server) -> [Self; 2] {
        [Self::Unary(server.client().await), Self::Session(server.session(64).await)]
    }

    /// Both doors of a server that may be gone by now.
    pub async fn both_if_up(server: &Server) -> Option<[Self; 2]> {
        let session = session_of(&server.client_if_up().await?, 64);
        Some([Self::Unary(server.client_if_up().await?), Self::Session(session)])
    }
}

macro_rules! either {
    ($($name:ident($ask:ident) -> $answer:ident;)+) => {
        impl Door {
            $(
                pub async fn $name(&self, ask: &v1::$ask) -> v1::$answer {
                    self.try_it(ask).await.expect("an answer")
                }
            )+
        }

        $(
            impl Ask for v1::$ask {
                type Answer = v1::$answer;

                async fn through(self, door: &Door) -> Result<v1::$answer, ClientError> {
                    match door {
                        Door::Unary(client) => client.$name(self).await,
                        Door::Session(session) => session.$name(self).await,
                    }
                }
            }
        )+
    };
}

/// A request that fits through both doors.
pub trait Ask: Clone {
    type Answer;

    async fn through(self, door: &Door) -> Result<Self::Answer, ClientError>;
}

impl Door {
    pub async fn try_it<A: Ask>(&self, ask: &A) -> Result<A::Answer, ClientError> {
        ask.clone().through(self).await
    }
}

either! {
    reserve(ReserveRequest) -> ReserveResponse;
    confirm(ConfirmRequest) -> ConfirmResponse;
    release(ReleaseRequest) -> ReleaseResponse;
    extend(ExtendRequest) -> ExtendResponse;
    cancel(CancelRequest) -> CancelResponse;
    get_hold(GetHoldRequest) -> GetHoldResponse;
    get_booking(GetBookingRequest) -> GetBookingResponse;
}
