package access

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"

	"gyro/internal/database"
	"gyro/internal/instant"

	"github.com/uptrace/bun"
)

// What wrong passwords lead to. NIST SP 800-63B (5.2.2) asks to limit guessing; a lock would let anybody who knows a name
// shut its owner out, so nothing is locked. Instead
//
//   - the network that wrong passwords for a user come from has to wait before its next one for this user is looked at,
//     longer each time, up to waitMost; other networks and other users do not;
//   - when many came from networks that the user did not log in from lately, those networks together have one attempt each
//     slowEvery. The networks that the user does log in from are not among them.
//
// So somebody with any number of addresses tries 17,280 passwords a day at most, of which the shortest has 12 characters,
// and the owner of the password gets in: at once from where he usually is, and elsewhere as soon as his turn comes.
const (
	// freeOfNetwork wrong ones in a row from a network cost nothing: people mistype.
	freeOfNetwork = 5
	// waitFirst doubles with each wrong one after these, up to waitMost.
	waitFirst = instant.Second
	waitMost  = instant.Minute
	// freeOfUser wrong ones in a row from networks that are not known, all together, cost nothing.
	freeOfUser = 20
	slowEvery  = 5 * instant.Second
	// knownFor is how long a network is known after a login from it.
	knownFor = 90 * instant.Day
	// guessesFor is how long the wrong passwords of a network are remembered.
	guessesFor = instant.Day
)

// origin is a network that a user, or somebody who says so, tried to log in from.
type origin struct {
	bun.BaseModel `bun:"table:access_origin,alias:o"`
	UserID        int64           `bun:",pk"`
	Network       string          `bun:",pk"`
	Failed        int             // wrong passwords in a row
	WrongAt       instant.Instant // the last of them
	WaitUntil     instant.Instant // what comes before is not looked at
	GoodAt        instant.Instant // the last login; 0 is none
}

// networkOf is what addresses are told apart by: whoever has one IPv6 address usually has 2^64 of them.
func networkOf(remote string) string {
	address, err := netip.ParseAddr(remote)
	if err != nil {
		return "?"
	}
	address = address.Unmap().WithZone("")
	if address.Is4() {
		return address.String()
	}
	prefix, err := address.Prefix(64)
	if err != nil {
		return address.String()
	}
	return prefix.String()
}

func findOrigin(ctx context.Context, tx *database.Tx, user int64, network string) (origin, error) {
	o := origin{UserID: user, Network: network}
	err := tx.NewSelect().Model(&o).WherePK().Scan(ctx)
	if errors.Is(err, sql.ErrNoRows) {
		return o, nil
	}
	return o, err
}

func (o *origin) store(ctx context.Context, tx *database.Tx) error {
	_, err := tx.NewInsert().Model(o).On("CONFLICT (user_id, network) DO UPDATE").
		Set("failed = excluded.failed, wrong_at = excluded.wrong_at, wait_until = excluded.wait_until, good_at = excluded.good_at").Exec(ctx)
	if err != nil {
		return err
	}
	_, err = tx.NewDelete().Model((*origin)(nil)).Where("user_id = ?", o.UserID).
		Where("wrong_at < ?", tx.Now().Add(-guessesFor)).Where("good_at < ?", tx.Now().Add(-knownFor)).Exec(ctx)
	return err
}

func (o *origin) known(now instant.Instant) bool {
	return o.GoodAt != 0 && now.Sub(o.GoodAt) < knownFor
}

// waits reports whether an attempt from a network comes too early. A wait that is longer than any was noted before the
// clock was set back, and is over.
func (u *User) waits(o *origin, now instant.Instant) bool {
	within := func(until instant.Instant, most instant.Span) bool { return now < until && until.Sub(now) <= most }
	return within(o.WaitUntil, waitMost) || !o.known(now) && within(u.SlowUntil, slowEvery)
}

// guessed counts a wrong password.
func (u *User) guessed(ctx context.Context, tx *database.Tx, o *origin) error {
	now := tx.Now()
	o.Failed, o.WrongAt = o.Failed+1, now
	if o.Failed >= freeOfNetwork {
		o.WaitUntil = now.Add(min(waitFirst<<min(o.Failed-freeOfNetwork, 10), waitMost))
	}
	if err := o.store(ctx, tx); err != nil {
		return err
	}
	tell := o.Failed == freeOfNetwork
	if !o.known(now) {
		u.Failed++
		if u.Failed >= freeOfUser {
			u.SlowUntil = now.Add(slowEvery)
		}
		tell = tell || u.Failed == freeOfUser
		if _, err := tx.NewUpdate().Model(u).Column("failed", "slow_until").WherePK().Exec(ctx); err != nil {
			return err
		}
	}
	if !tell {
		return nil
	}
	return tx.Audit(ctx, "user", u.Name, "guess", nil, map[string]any{"network": o.Network, "ofNetwork": o.Failed, "ofUnknownNetworks": u.Failed})
}

// loggedIn forgets the wrong passwords before the right one, those of the network and those of unknown ones.
func (u *User) loggedIn(ctx context.Context, tx *database.Tx, o *origin) error {
	u.Failed, u.SlowUntil = 0, 0
	if _, err := tx.NewUpdate().Model(u).Column("failed", "slow_until").WherePK().Exec(ctx); err != nil {
		return err
	}
	o.Failed, o.WaitUntil, o.GoodAt = 0, 0, tx.Now()
	return o.store(ctx, tx)
}

// forgiven forgets all wrong passwords of a user.
func (u *User) forgiven(ctx context.Context, tx *database.Tx) error {
	u.Failed, u.SlowUntil = 0, 0
	_, err := tx.NewUpdate().Model((*origin)(nil)).Set("failed = 0, wait_until = 0").Where("user_id = ?", u.ID).Exec(ctx)
	return err
}
