package revoke

import (
	"context"
	"sync"
	"time"
)

// Memory makes a list in this process. Other replicas do not see it, and it ends
// with the process: it suits one replica whose tokens live for minutes.
func Memory(cfg Config) (*List, error) {
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	m := &memory{limit: cfg.MaxEntries, tokens: map[id]time.Time{}, subjects: map[id]instant{}}
	return &List{m, cfg.MaxTokenAge, cfg.Leeway}, nil
}

type instant struct{ before, until time.Time }

type memory struct {
	mu       sync.RWMutex
	limit    int
	tokens   map[id]time.Time
	subjects map[id]instant
}

func (m *memory) addToken(_ context.Context, token id, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, there := m.tokens[token]; !there && !m.room() {
		return ErrFull
	}
	if until.After(m.tokens[token]) {
		m.tokens[token] = until
	}
	return nil
}

func (m *memory) addSubject(_ context.Context, subject id, before, until time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	old, there := m.subjects[subject]
	if !there && !m.room() {
		return ErrFull
	}
	if before.After(old.before) {
		m.subjects[subject] = instant{before, until}
	}
	return nil
}

// room reports whether one more fits, after throwing out what has run out. The
// caller holds the lock.
func (m *memory) room() bool {
	if len(m.tokens)+len(m.subjects) < m.limit {
		return true
	}
	now := time.Now()
	for k, until := range m.tokens {
		if now.After(until) {
			delete(m.tokens, k)
		}
	}
	for k, i := range m.subjects {
		if now.After(i.until) {
			delete(m.subjects, k)
		}
	}
	return len(m.tokens)+len(m.subjects) < m.limit
}

func (m *memory) find(_ context.Context, token, subject id) (bool, time.Time, error) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	_, listed := m.tokens[token]
	return listed, m.subjects[subject].before, nil
}
