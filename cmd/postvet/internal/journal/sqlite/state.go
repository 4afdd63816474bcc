package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
)

// state is the state file, open to be written: all that outlives a day. It is damaged or
// newer as a day's file is. Others may read it, and write it for a moment.
type state struct {
	file
	connection
}

func stateFile(dir string) file { return file{path: filepath.Join(dir, stateName)} }

// openState opens the state file to be written, creates it if needed, and does the steps
// that it lacks.
func openState(dir string) (*state, error) {
	f := stateFile(dir)
	conn, err := openConnection(f.path, 8192)
	if err != nil {
		return nil, err
	}
	s := &state{file: f, connection: conn}
	err = s.migrate(migrations)
	if err == nil {
		err = s.exec(createKeyIndex)
	}
	if err != nil {
		s.close()
		return nil, classify(err)
	}
	return s, nil
}

// migrate does each step that the file lacks, as a whole or not at all.
func (s *state) migrate(steps []string) error {
	for {
		found, err := s.number("PRAGMA user_version")
		switch {
		case err != nil:
			return err
		case found < 0 || found > int64(len(steps)):
			return errNewer
		case found == int64(len(steps)):
			return nil
		}
		if err := s.step(found, steps[found]); err != nil {
			return err
		}
	}
}

// step does the step from a version to the next one, unless another process has done it.
func (s *state) step(from int64, statements string) error {
	if err := s.exec("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	found, err := s.number("PRAGMA user_version")
	if err == nil && found == from {
		err = s.exec(fmt.Sprintf("%s; PRAGMA application_id = %d; PRAGMA user_version = %d", statements, stateID, from+1))
	}
	if err == nil {
		err = s.exec("COMMIT")
	}
	if err == nil {
		return nil
	}
	_ = s.exec("ROLLBACK")
	if from == 0 && !isBusyOrFull(err) {
		return fmt.Errorf("%w: %w", errDamaged, err) // its tables are not ours
	}
	return err
}

func (s *state) close() error { return s.connection.close() }

// stateOf returns the open state file. Only the writer calls it.
func (s *Store) stateOf() (*state, error) {
	f := stateFile(s.opt.Dir)
	if s.state != nil {
		if s.state.isAt(f.path) {
			return s.state, nil
		}
		s.toldGone(f)
		_ = s.closeState()
		s.renewed = true
	}
	opened, err := openState(s.opt.Dir)
	if errors.Is(err, errDamaged) || errors.Is(err, errNewer) {
		if err := s.setAside(f, err); err != nil {
			return nil, err
		}
		s.renewed = true
		opened, err = openState(s.opt.Dir)
	}
	if err != nil {
		return nil, err
	}
	if err := s.synchronize(opened.connection); err != nil {
		return nil, errors.Join(err, opened.close())
	}
	s.state = opened
	return opened, nil
}

// inState calls f in a transaction of the state file. Only the writer calls it.
func (s *Store) inState(f func(*state) error) error {
	st, err := s.stateOf()
	if err != nil {
		return err
	}
	if err := st.exec("BEGIN IMMEDIATE"); err != nil {
		return s.stateFailed(err)
	}
	committed := false
	defer func() { // also if it ends in a panic
		if !committed && s.state == st {
			_ = st.exec("ROLLBACK") // fails if a commit has done it
		}
	}()
	if err := f(st); err != nil {
		return s.stateFailed(err)
	}
	if err := st.exec("COMMIT"); err != nil {
		return s.stateFailed(err)
	}
	committed = true
	return nil
}

// stateFailed returns an error of the state file. If it says that the file is damaged, the
// next use begins a new one.
func (s *Store) stateFailed(err error) error {
	if why := classify(err); errors.Is(why, errDamaged) {
		_ = s.closeState()
		_ = s.setAside(stateFile(s.opt.Dir), why)
		s.renewed = true
	}
	return err
}

func (s *Store) closeState() error {
	if s.state == nil {
		return nil
	}
	st := s.state
	s.state = nil
	return st.close()
}

// openStateReader opens the state file to be read; fs.ErrNotExist if there is none yet.
func openStateReader(ctx context.Context, dir string) (*sql.DB, error) {
	f := stateFile(dir)
	db, err := openFile(f.path, "ro", "query_only(1)", "cache_size(-16384)", busyUntil(ctx))
	if err != nil {
		return nil, err
	}
	var found int
	err = db.QueryRowContext(ctx, "PRAGMA user_version").Scan(&found)
	switch {
	case err != nil:
		err = classify(err)
	case found > len(migrations):
		err = errNewer
	case found < len(migrations):
		// A reader does not change it. The service does so when it starts.
		err = fmt.Errorf("%w: it is of an older version, which the service changes at its start", fs.ErrNotExist)
	default:
		return db, nil
	}
	db.Close()
	return nil, err
}
