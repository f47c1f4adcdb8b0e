//! A token for the variants that verify one, and the key set that does.

use anyhow::Result;
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
