//! Tokens for what verifies them, and the key sets that do.

use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use jsonwebtoken::jwk::Jwk;
use jsonwebtoken::{Algorithm, EncodingKey, Header};

/// Signs claims, HS256 as with Supabase's legacy secret. The token, and a JWK Set with its key.
pub fn sign(claims: &str) -> Result<(String, String)> {
    let key = EncodingKey::from_secret(b"a secret that only this benchmark knows");
    let claims: serde_json::Value = serde_json::from_str(claims)?;
    let token = jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &key)?;
    let jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::HS256)?)?;
    Ok((token, serde_json::json!({ "keys": [jwk] }).to_string()))
}

/// Signs ES256, as Supabase's current keys do.
pub struct Signer {
    key: EncodingKey,
    /// The JWK Set that verifies.
    pub jwks: String,
}

impl Signer {
    /// A signer with a new key.
    pub fn new() -> Result<Signer> {
        let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING)?;
        let key = EncodingKey::from_ec_der(pair.to_pkcs8v1()?.as_ref());
        let jwk = serde_json::to_value(Jwk::from_encoding_key(&key, Algorithm::ES256)?)?;
        Ok(Signer { key, jwks: serde_json::json!({ "keys": [jwk] }).to_string() })
    }

    /// The claims of a user at aal2, about 600 bytes, and their token.
    pub fn token(&self, user: usize) -> Result<(String, String)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let sub = format!("{user:08}-1111-4111-8111-111111111111");
        let email = format!("user-{user}@example.com");
        let claims = serde_json::json!({
            "iss": "http://localhost/auth/v1", "sub": sub, "aud": "authenticated", "exp": now + 36_000, "iat": now - 60,
            "email": email, "phone": "", "app_metadata": {"provider": "email", "providers": ["email"]},
            "user_metadata": {"email": email, "email_verified": true, "phone_verified": false, "sub": sub},
            "role": "authenticated", "aal": "aal2", "is_anonymous": false,
            "amr": [{"method": "totp", "timestamp": now - 60}, {"method": "password", "timestamp": now - 7200}],
            "session_id": format!("{user:08}-3333-4333-8333-333333333333"),
        });
        let token = jsonwebtoken::encode(&Header::new(Algorithm::ES256), &claims, &self.key)?;
        Ok((claims.to_string(), token))
    }
}
