// Package repository is what a simulated HSS and a simulated PCRF have in
// common: a document about each subscriber, at one URI, written and read over
// HTTP.
//
// The URIs are those of the unified data repository (3GPP TS 29.504): that is
// the interface of the field's own behind which both functions keep what they
// know of a subscriber, and it is JSON over HTTP. TS 29.505 and TS 29.519 leave
// open how data get there in the first place: most of what is provisioned can
// only be read by their methods, and operators write it through interfaces that
// each vendor makes. So the documents here stand at the standard's URIs and
// have the standard's words, and are written whole (PUT), changed by a merge
// patch (PATCH, RFC 7396, as TS 29.504 has it) or removed (DELETE).
package repository
