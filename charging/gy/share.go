package gy

import (
	"strings"
	"sync"

	"gyro/charging"
)

// shares are the shares of the collecting batch by peer, for as long as the peer has a connection: a peer that opens more
// connections must not get more turns by it.
type shares struct {
	mu   sync.Mutex
	byID map[string]*sharing
}

type sharing struct {
	share       charging.Share
	connections int
}

// enter returns the share of the peer that has connected.
func (s *shares) enter(host string) *charging.Share {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.ToLower(host)
	if s.byID == nil {
		s.byID = map[string]*sharing{}
	}
	of := s.byID[id]
	if of == nil {
		of = &sharing{}
		s.byID[id] = of
	}
	of.connections++
	return &of.share
}

// leave forgets the share of a peer whose last connection has ended.
func (s *shares) leave(host string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := strings.ToLower(host)
	if of := s.byID[id]; of != nil {
		if of.connections--; of.connections == 0 {
			delete(s.byID, id)
		}
	}
}
