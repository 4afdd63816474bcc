package control

import (
	"sync"
	"time"
)

// slotWait is how long a request waits for a slot. A client that asks again right after
// an answer may find its last connection not yet closed.
const slotWait = 500 * time.Millisecond

// slots bound the requests that are carried out at once, by all users and by each.
type slots struct {
	all     chan struct{}
	perUser int

	mu    sync.Mutex
	users map[int]chan struct{} // by user id
}

func newSlots(n int) slots {
	return slots{all: make(chan struct{}, n), perUser: n - n/4, users: map[int]chan struct{}{}}
}

// of returns the slots of one user.
func (s *slots) of(uid int) chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	own, ok := s.users[uid]
	if !ok {
		own = make(chan struct{}, s.perUser)
		s.users[uid] = own
	}
	return own
}

// take takes a slot for a connection and returns a function that gives it back. The
// error says why there is none.
func (s *Server) take(c *conn) (give func(), err error) {
	t := time.NewTimer(slotWait)
	defer t.Stop()
	wait := func(slots chan struct{}) error {
		select {
		case slots <- struct{}{}:
			return nil
		default:
		}
		select {
		case slots <- struct{}{}:
			return nil
		case <-t.C:
		case <-s.ctx.Done():
		case <-c.replaced:
			return errReplaced
		}
		return refuse(CodeBusy, "too many control requests at once; try again")
	}
	own := s.slots.of(c.peer.UID)
	if err := wait(own); err != nil {
		return nil, err
	}
	if err := wait(s.slots.all); err != nil {
		<-own
		return nil, err
	}
	return func() { <-s.slots.all; <-own }, nil
}
