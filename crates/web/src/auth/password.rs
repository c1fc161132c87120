//! Passwords of people: argon2id with the library's parameters (19 MiB, two passes), a salt each.
//!
//! It takes tens of milliseconds by design, so it is called on a thread that may block.

use argon2::Argon2;
use argon2::password_hash::{PasswordHash, PasswordHasher as _, PasswordVerifier as _, SaltString};
use rand::RngCore as _;

/// In characters. What is longer than the upper bound costs time to hash and adds nothing.
pub const CHARACTERS: std::ops::RangeInclusive<usize> = 12..=256;

/// The hash in its text form, which has salt and parameters.
///
/// # Errors
/// A sentence, if the password has not [`CHARACTERS`].
pub fn hash(password: &str) -> Result<String, String> {
    if !CHARACTERS.contains(&password.chars().count()) {
        let (least, most) = (CHARACTERS.start(), CHARACTERS.end());
        return Err(format!("a password needs {least} to {most} characters"));
    }
    let mut bytes = [0; 16];
    rand::rng().fill_bytes(&mut bytes);
    let salt = SaltString::encode_b64(&bytes).map_err(|error| error.to_string())?;
    let hashed = Argon2::default().hash_password(password.as_bytes(), &salt);
    Ok(hashed.map_err(|error| error.to_string())?.to_string())
}

/// Whether a password has this hash. Without one it takes as long and is wrong, so that the time does
/// not tell whether there is a user of that name.
#[must_use]
pub(crate) fn is_right(password: &str, hash: Option<&str>) -> bool {
    // Of no password that anybody knows.
    const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$\
                          AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let Ok(parsed) = PasswordHash::new(hash.unwrap_or(NOBODY)) else {
        return false;
    };
    let fits = Argon2::default().verify_password(password.as_bytes(), &parsed);
    fits.is_ok() && hash.is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWORD: &str = "correct horse battery";

    #[test]
    fn a_password_is_known_by_its_hash_and_no_two_hashes_are_alike() {
        let (one, other) = (hash(PASSWORD).unwrap(), hash(PASSWORD).unwrap());
        assert_ne!(one, other);
        assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
        for hash in [&one, &other] {
            assert!(is_right(PASSWORD, Some(hash)));
            assert!(!is_right("correct horse battery ", Some(hash)));
        }
        assert!(!is_right(PASSWORD, Some("no hash")));
    }

    #[test]
    fn nobody_has_no_password_but_takes_the_time_of_one() {
        assert!(!is_right("", None));
        assert!(!is_right(PASSWORD, None));
        // What stands for nobody has to be one that is worked through.
        let parsed = PasswordHash::new(
            "$argon2id$v=19$m=19456,t=2,p=1$MDAwMDAwMDAwMDAwMDAwMA$\
             AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        );
        let error = Argon2::default().verify_password(b"x", &parsed.unwrap());
        assert_eq!(error, Err(argon2::password_hash::Error::Password));
    }

    #[test]
    fn short_and_endless_passwords_are_refused_by_length() {
        for password in ["", "elevencharz", &"x".repeat(257)] {
            let refused = hash(password).unwrap_err();
            assert_eq!(refused, "a password needs 12 to 256 characters");
        }
    }
}
