//! The provider: what it says of itself, where people are sent, and what a code is worth.
//!
//! The flow is that of OpenID Connect Core 1.0, section 3.1, with PKCE (RFC 7636); openidconnect checks the ID token as
//! section 3.1.3.7 says. Only signatures with keys of the provider's count: with HS256 the client secret, which is often in
//! many hands, would sign anybody in.

use std::error::Error as StdError;
use std::sync::Arc;

use anyhow::Context as _;
use chrono::DateTime;
use groundswell_engine::clock::Clock;
use groundswell_engine::people::provider::Provided;
use groundswell_types::Email;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreIdToken, CoreIdTokenClaims,
    CoreJwsSigningAlgorithm, CoreProviderMetadata, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken, EndUserEmail,
    EndUserName, EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, LocalizedClaim, Nonce,
    OAuth2TokenResponse as _, PkceCodeChallenge, PkceCodeVerifier, RedirectUrl, Scope,
    SignatureVerificationError, TokenResponse as _,
};
use thiserror::Error;
use url::Url;

use super::client::Client;
use super::under_way::UnderWay;
use crate::config::oidc::OidcSettings;

/// What a provider says of itself is asked for anew after an hour.
const KNOWN_MS: i64 = 3_600_000;

/// A provider that does not answer is not asked again for so long.
const AWAY_MS: i64 = 5_000;

const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

type OidcClient = CoreClient<
    EndpointSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointNotSet,
    EndpointMaybeSet,
    EndpointMaybeSet,
>;

/// Why somebody could not be signed in. For the log: no code and no token is in it.
#[derive(Debug, Error)]
pub enum Trouble {
    #[error("the provider cannot be asked who it is: {0}")]
    Unreachable(String),
    #[error("the browser came back from another issuer")]
    AnotherIssuer,
    #[error("the provider gives nothing for the code: {0}")]
    Exchange(String),
    #[error("the provider's answer has no ID token")]
    NoIdToken,
    #[error("the ID token does not hold: {0}")]
    IdToken(String),
    #[error("the provider does not say who it is: {0}")]
    UserInfo(String),
}

/// The provider of this server.
#[derive(Debug)]
pub struct Provider {
    /// For people.
    pub name: String,
    issuer: IssuerUrl,
    client_id: ClientId,
    client_secret: ClientSecret,
    redirect: RedirectUrl,
    http: Client,
    clock: Clock,
    /// Locked while it is asked for, so that many who come at once ask once.
    asked: tokio::sync::Mutex<Option<Asked>>,
}

/// What the provider said of itself when it was asked last.
#[derive(Debug)]
struct Asked {
    at_ms: i64,
    said: Result<Arc<CoreProviderMetadata>, String>,
}

impl Provider {
    /// The one of these settings; it is asked nothing until somebody signs in, so a server starts without it.
    pub fn new(settings: &OidcSettings, public_url: &str, clock: Clock) -> anyhow::Result<Self> {
        let redirect = format!("{public_url}{}", super::CALLBACK);
        Ok(Self {
            name: settings.name.clone(),
            issuer: IssuerUrl::new(settings.issuer.clone()).context("oidc.issuer is no URL")?,
            client_id: ClientId::new(settings.client_id.clone()),
            client_secret: settings.client_secret.clone(),
            redirect: RedirectUrl::new(redirect).context("the public URL is no URL")?,
            http: Client::new().context("the certificates that this machine trusts cannot be read")?,
            clock,
            asked: tokio::sync::Mutex::new(None),
        })
    }

    /// Whether a subject, as [`Provided`] has it, is of this provider.
    pub fn knows(&self, subject: &str) -> bool {
        subject.split_once(' ').is_some_and(|(issuer, _)| issuer == self.issuer.as_str())
    }

    /// Where somebody is sent to say who they are.
    pub async fn address(&self, under_way: &UnderWay) -> Result<Url, Trouble> {
        let metadata = self.metadata(i64::MIN).await?;
        let client = self.client(&metadata);
        let (state, nonce) = (CsrfToken::new(under_way.state.clone()), Nonce::new(under_way.nonce.clone()));
        let verifier = PkceCodeVerifier::new(under_way.verifier.clone());
        let (address, _, _) = client
            .authorize_url(CoreAuthenticationFlow::AuthorizationCode, move || state, move || nonce)
            .add_scopes(["email", "profile"].map(|scope| Scope::new(scope.to_owned())))
            .set_pkce_challenge(PkceCodeChallenge::from_code_verifier_sha256(&verifier))
            .url();
        Ok(address)
    }

    /// Who came back with this code, from whom they say.
    pub async fn identify(
        &self,
        code: String,
        issuer: Option<&str>,
        under_way: &UnderWay,
    ) -> Result<Provided, Trouble> {
        if issuer.is_some_and(|issuer| issuer != self.issuer.as_str()) {
            return Err(Trouble::AnotherIssuer);
        }
        let came_at_ms = self.clock.now_ms();
        let metadata = self.metadata(i64::MIN).await?;
        let client = self.client(&metadata);
        let http = |request| self.http.clone().send(request);
        let request = client.exchange_code(AuthorizationCode::new(code));
        let request = request.map_err(|error| Trouble::Exchange(said(&error)))?;
        let verifier = PkceCodeVerifier::new(under_way.verifier.clone());
        let answer = request.set_pkce_verifier(verifier).request_async(&http).await;
        let answer = answer.map_err(|error| Trouble::Exchange(said(&error)))?;
        let token = answer.id_token().ok_or(Trouble::NoIdToken)?;
        let nonce = Nonce::new(under_way.nonce.clone());
        let claims = match self.claims(&client, token, &nonce) {
            // The provider has new keys, perhaps. It gave a token for the code, so others cannot make us ask.
            Err(ClaimsVerificationError::SignatureVerification(
                SignatureVerificationError::NoMatchingKey,
            )) => {
                let metadata = self.metadata(came_at_ms).await?;
                let client = self.client(&metadata);
                self.claims(&client, token, &nonce).cloned()
            }
            result => result.cloned(),
        };
        let claims = claims.map_err(|error| Trouble::IdToken(said(&error)))?;
        let provided = self.provided(&claims);
        if provided.email.is_some() || metadata.userinfo_endpoint().is_none() {
            return Ok(provided);
        }
        self.with_user_info((&client, &answer), &claims, provided).await
    }

    /// Checks an ID token as OpenID Connect Core says, section 3.1.3.7.
    fn claims<'a>(
        &self,
        client: &OidcClient,
        token: &'a CoreIdToken,
        nonce: &Nonce,
    ) -> Result<&'a CoreIdTokenClaims, ClaimsVerificationError> {
        let clock = self.clock.clone();
        let now = move || DateTime::from_timestamp_millis(clock.now_ms()).unwrap_or(DateTime::UNIX_EPOCH);
        token.claims(&client.id_token_verifier().set_allowed_algs(ALGORITHMS).set_time_fn(now), nonce)
    }

    /// Most say the address in the ID token; those that follow section 5.4 to the letter only when they are asked.
    async fn with_user_info(
        &self,
        (client, answer): (&OidcClient, &CoreTokenResponse),
        claims: &CoreIdTokenClaims,
        provided: Provided,
    ) -> Result<Provided, Trouble> {
        let http = |request| self.http.clone().send(request);
        let request = client.user_info(answer.access_token().clone(), Some(claims.subject().clone()));
        let request = request.map_err(|error| Trouble::UserInfo(said(&error)))?;
        let info: CoreUserInfoClaims =
            request.request_async(&http).await.map_err(|error| Trouble::UserInfo(said(&error)))?;
        Ok(Provided {
            email: email_of(info.email(), info.email_verified()),
            name: provided.name.or_else(|| name_of(info.name())),
            ..provided
        })
    }

    fn provided(&self, claims: &CoreIdTokenClaims) -> Provided {
        Provided {
            subject: format!("{} {}", self.issuer.as_str(), claims.subject().as_str()),
            email: email_of(claims.email(), claims.email_verified()),
            name: name_of(claims.name()),
        }
    }

    fn client(&self, metadata: &CoreProviderMetadata) -> OidcClient {
        let methods = metadata.token_endpoint_auth_methods_supported();
        let is_by_body = methods.is_some_and(|methods| {
            methods.contains(&CoreClientAuthMethod::ClientSecretPost)
                && !methods.contains(&CoreClientAuthMethod::ClientSecretBasic)
        });
        CoreClient::from_provider_metadata(
            metadata.clone(),
            self.client_id.clone(),
            Some(self.client_secret.clone()),
        )
        .set_redirect_uri(self.redirect.clone())
        .set_auth_type(if is_by_body { AuthType::RequestBody } else { AuthType::BasicAuth })
    }

    /// What the provider says of itself, its keys included, not longer ago than `since_ms` and an hour.
    async fn metadata(&self, since_ms: i64) -> Result<Arc<CoreProviderMetadata>, Trouble> {
        let mut asked = self.asked.lock().await;
        let now_ms = self.clock.now_ms();
        match &*asked {
            Some(Asked { at_ms, said: Ok(metadata) }) if now_ms - at_ms < KNOWN_MS && *at_ms >= since_ms => {
                return Ok(Arc::clone(metadata));
            }
            Some(Asked { at_ms, said: Err(why) }) if now_ms - at_ms < AWAY_MS => {
                return Err(Trouble::Unreachable(why.clone()));
            }
            _ => {}
        }
        let http = |request| self.http.clone().send(request);
        let found = CoreProviderMetadata::discover_async(self.issuer.clone(), &http).await;
        let found = found.map(Arc::new).map_err(|error| said(&error));
        *asked = Some(Asked { at_ms: self.clock.now_ms(), said: found.clone() });
        found.map_err(Trouble::Unreachable)
    }
}

fn email_of(email: Option<&EndUserEmail>, is_verified: Option<bool>) -> Option<Email> {
    email.filter(|_| is_verified == Some(true)).and_then(|email| Email::parse(email.as_str()).ok())
}

fn name_of(name: Option<&LocalizedClaim<EndUserName>>) -> Option<String> {
    let name = name?;
    name.get(None).or_else(|| name.iter().next().map(|(_, name)| name)).map(|name| name.as_str().to_owned())
}

/// An error with its causes.
fn said(error: &(dyn StdError + 'static)) -> String {
    let mut said = error.to_string();
    let mut error = error;
    while let Some(cause) = error.source() {
        said = format!("{said}: {cause}");
        error = cause;
    }
    said
}
