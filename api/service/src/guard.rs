//! The layer before every call: credential, role, rate, and for operators' calls a line in the log.
//!
//! A listener without credentials and rates has no guard on its public side: one branch a call.

use core::convert::Infallible;
use core::future::{Ready, ready};
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;

use berth_engine::Engine;
use futures_util::future::Either;
use http::{Request, Response};
use tonic::body::Body;
use tonic::{Code, Status};
use tower::{Layer, Service};

use crate::access::{Access, Caller, Lane, Refused, Rule, rule};
use crate::door::Visit;
use crate::rates::Rates;
use crate::turned_away::{Shut, TurnedAway};
use crate::wire::Trouble;

/// What a guard goes by.
pub(crate) struct Orders {
    pub access: Option<Arc<Access>>,
    pub rates: Option<Arc<Rates>>,
    /// Whether operators' calls are told of.
    pub audits: bool,
    pub engine: Engine,
    pub away: Arc<TurnedAway>,
}

/// See the module.
#[derive(Clone)]
pub(crate) struct Guard(Option<Arc<Orders>>);

impl Guard {
    /// A guard with nothing to look at is none.
    pub fn new(orders: Orders) -> Self {
        let is_needed = orders.access.is_some() || orders.rates.is_some() || orders.audits;
        Self(is_needed.then(|| Arc::new(orders)))
    }
}

impl<S> Layer<S> for Guard {
    type Service = Guarded<S>;

    fn layer(&self, inner: S) -> Guarded<S> {
        Guarded { orders: self.0.clone(), inner }
    }
}

/// See [`Guard`].
#[derive(Clone)]
pub(crate) struct Guarded<S> {
    orders: Option<Arc<Orders>>,
    inner: S,
}

type Answered = Result<Response<Body>, Infallible>;
type Audited = Pin<Box<dyn Future<Output = Answered> + Send>>;

impl<S> Service<Request<Body>> for Guarded<S>
where
    S: Service<Request<Body>, Response = Response<Body>, Error = Infallible>,
    S::Future: Send + 'static,
{
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = Either<S::Future, Either<Ready<Answered>, Audited>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let Some(orders) = &self.orders else {
            return Either::Left(self.inner.call(request));
        };
        let path = request.uri().path();
        let Some(rule) = rule(path) else {
            // Without credentials everybody may hear that there is no such call.
            if orders.access.is_none() {
                return Either::Left(self.inner.call(request));
            }
            orders.away.shut(Shut::Role);
            let why = "no role opens this call; look for its name in berth.v1";
            let status = Status::new(Code::PermissionDenied, why);
            return Either::Right(Either::Left(ready(Ok(status.into_http()))));
        };
        match orders.look(rule, &mut request) {
            Err(why) => Either::Right(Either::Left(ready(Ok(why.into_status().into_http())))),
            Ok(_) if !(orders.audits && rule.is_audited()) => {
                Either::Left(self.inner.call(request))
            }
            Ok(caller) => {
                let from = request.extensions().get::<Arc<Visit>>().map(|visit| visit.address);
                let answer = self.inner.call(request);
                Either::Right(Either::Right(Box::pin(async move {
                    let Ok(response) = answer.await;
                    let code = Status::from_header_map(response.headers())
                        .map_or(Code::Ok, |status| status.code());
                    let (subject, tenant) = caller
                        .as_ref()
                        .map_or(("-", "-"), |caller| (&*caller.subject, &*caller.tenant));
                    tracing::info!(
                        target: "berth::audit",
                        subject,
                        tenant,
                        call = rule.path,
                        from = from.map(tracing::field::display),
                        ?code,
                        "an operator's call"
                    );
                    Ok(response)
                })))
            }
        }
    }
}

impl Orders {
    /// Lets a call in, with who makes it and what pays for it.
    fn look(
        &self,
        rule: &Rule,
        request: &mut Request<Body>,
    ) -> Result<Option<Arc<Caller>>, Trouble> {
        let Some(visit) = request.extensions().get::<Arc<Visit>>().map(Arc::clone) else {
            unreachable!("a request comes through a door");
        };
        let needs_caller = rule.roles != crate::access::Roles::NOBODY;
        let caller = match &self.access {
            Some(access) if needs_caller => {
                let admitted = access.admit(rule, request.headers(), &visit, self.engine.now());
                let caller = admitted.map_err(|Refused(shut, why)| {
                    self.away.shut(shut);
                    why
                })?;
                request.extensions_mut().insert(Arc::clone(&caller));
                Some(caller)
            }
            _ => None,
        };
        if let Some(rates) = &self.rates
            && rule.lane != Lane::Free
        {
            let toll = rates.toll(caller.as_deref(), visit.address);
            if rule.lane == Lane::Session {
                request.extensions_mut().insert(toll);
            } else {
                toll.pay(rule.lane == Lane::Finish)?;
            }
        }
        Ok(caller)
    }
}
