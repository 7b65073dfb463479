// Package access says who may do what in the office. It knows people (local users,
// whose passwords are kept as argon2id, and users of an OpenID Connect issuer) and
// programs (API keys, of which only hashes are kept), and the six roles that they
// have. Whatever a role is not named for is denied.
//
// docs/operations/office-api.md describes it for operators.
package access
