package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/zap"
)

// Every line is written, however many are alike: an error for each parked advice, at debug a line for each request.
func TestNoLogLineIsLeftOut(t *testing.T) {
	for _, c := range []struct {
		level string
		log   func(*zap.Logger, int)
		lines int
	}{
		{"info", func(l *zap.Logger, i int) { l.Error("an advice is parked", zap.Int("n", i)) }, 1500},
		{"info", func(l *zap.Logger, i int) { l.Warn("a response completed no request", zap.Int("n", i)) }, 1500},
		{"debug", func(l *zap.Logger, i int) { l.Debug("request", zap.Int("n", i)) }, 3000},
		{"info", func(l *zap.Logger, i int) { l.Debug("request", zap.Int("n", i)) }, 0},
	} {
		var out bytes.Buffer
		logger, err := newLogger(c.level, &out)
		if err != nil {
			t.Fatal(err)
		}
		for i := range max(c.lines, 1) {
			c.log(logger, i)
		}
		if got := strings.Count(out.String(), "\n"); got != c.lines {
			t.Errorf("%s: %d lines, want %d", c.level, got, c.lines)
		}
	}
}

// A level that there is not is refused by name.
func TestUnknownLogLevel(t *testing.T) {
	if _, err := newLogger("loud", &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), `log.level: "loud"`) {
		t.Errorf("%v", err)
	}
}
