package ginsec_test

import (
	"log/slog"
	"os"
	"testing"
)

func TestMain(m *testing.M) {
	slog.SetDefault(slog.New(slog.DiscardHandler)) // what is logged is asserted, not read
	os.Exit(m.Run())
}
