// Package provisioning turns product orders into working services: it checks an order, decomposes it by the
// catalogue's specifications into tasks, drives these through network elements and the charging core, and keeps the
// inventory of what customers have. What fails waits for people; no order is left half done.
package provisioning
