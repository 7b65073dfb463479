// Package hub tells others what happens in the office: TM Forum's notifications
// (TMF630, hub). A listener subscribes to one API with a callback; every event of
// the database that belongs to that API is sent to it by POST, in the order in
// which the events were committed, at least once, with an eventId by which the
// listener recognises what it has already.
//
// Where a listener stands is a cursor in the database, moved behind what was
// delivered. A listener that fails is asked again, later each time; one that
// fails for a day is disabled, which its row, the log and a metric say. Nobody
// waits for a listener but itself.
package hub
