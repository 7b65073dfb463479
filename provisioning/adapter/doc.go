// Package adapter speaks to network elements for provisioning: subscriber data
// (HSS) and policy (PCRF), both JSON over HTTP at the URIs of 3GPP TS 29.504.
// Each adapter is a provisioning.Element.
//
// An operation becomes one request that is safe to repeat. Its key goes along
// as Idempotency-Key, so that an element which carried it out and died before
// it answered knows it again. Where no answer comes the adapter reads back: if
// the element shows what was wanted, the operation is done; otherwise the error
// is temporary and whoever asked tries again under the same key.
package adapter
