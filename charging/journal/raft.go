package journal

import (
	"fmt"
	"math"
	"time"

	"github.com/hashicorp/raft"
)

const (
	// maxGroup bounds the entries raft writes with one sync (maxGroup+1) and
	// hands to the machine at once. Groups are entries of a whole collected
	// batch each, so a handful is plenty; and a start may hold 128 times as many
	// replayed entries in memory before the machine has taken them.
	maxGroup = 16

	// electionTimeout is never waited for: Open starts the election at once.
	// The lease must stay above the scheduler's pauses; in a group of one it
	// cannot be lost, and checking it twice a second costs nothing.
	electionTimeout = time.Second
	leaderLease     = 500 * time.Millisecond
)

// startRaft starts the member, has it elected and waits for the replay.
func (j *Journal) startRaft() error {
	configuration := raft.DefaultConfig()
	configuration.LocalID = memberID
	configuration.Logger = &raftLogger{logger: j.opts.Logger, name: "raft"}
	configuration.HeartbeatTimeout = electionTimeout
	configuration.ElectionTimeout = electionTimeout
	configuration.LeaderLeaseTimeout = leaderLease
	configuration.MaxAppendEntries = maxGroup
	configuration.BatchApplyCh = true
	configuration.NoSnapshotRestoreOnStart = true
	configuration.NoLegacyTelemetry = true
	// Everything behind a checkpoint is in the state store.
	configuration.TrailingLogs = 0
	// runPolicy decides when; raft's own timer must never fire.
	configuration.SnapshotInterval = math.MaxInt64 / 4
	configuration.SnapshotThreshold = math.MaxUint64

	_, transport := raft.NewInmemTransport(memberAddress)
	j.log.headersOnly.Store(true)
	r, err := raft.NewRaft(configuration, j.fsm, j.log, j.log, j.snaps, transport)
	if err != nil {
		return fmt.Errorf("journal: start raft: %w", err)
	}
	j.raft.Store(r)
	j.mark.start()
	// A shorter heartbeat timeout makes a follower look at its clock now, and
	// it has never heard of a leader: the election starts at once, and the
	// timeouts need not be unreasonably short for that.
	reload := r.ReloadableConfig()
	reload.HeartbeatTimeout = leaderLease
	if err := r.ReloadConfig(reload); err != nil {
		return fmt.Errorf("journal: start raft: %w", err)
	}
	timeout := time.NewTimer(startTimeout)
	defer timeout.Stop()
	select {
	case <-r.LeaderCh():
	case <-j.stopped:
		return j.stopErr
	case <-timeout.C:
		return fmt.Errorf("journal: no leader after %v, the disk under %s takes no writes", startTimeout, j.opts.Dir)
	}
	return j.awaitReplay(r)
}

// awaitReplay waits until everything in the log has been applied.
func (j *Journal) awaitReplay(r *raft.Raft) error {
	replayed := make(chan error, 1)
	go func() { replayed <- r.Barrier(0).Error() }()
	select {
	case err := <-replayed:
		if err != nil {
			return fmt.Errorf("journal: replay: %w", err)
		}
		return j.Err()
	case <-j.stopped:
		return j.stopErr
	}
}
