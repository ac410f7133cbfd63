package main

import (
	"bytes"
	"encoding/json"
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
		logger, err := newLogger(c.level, "json", &out)
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

// A level and a format that there are not are refused by name.
func TestUnknownLogLevelAndFormat(t *testing.T) {
	for want, c := range map[string][2]string{
		`log.level: "loud"`:   {"loud", "json"},
		`--log-format: "xml"`: {"info", "xml"},
	} {
		if _, err := newLogger(c[0], c[1], &bytes.Buffer{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// The log is JSON for programs or text for people, with the same fields.
func TestLogFormat(t *testing.T) {
	for format, want := range map[string]struct {
		text string
		json bool
	}{"json": {`"msg":"made a key","file":"k"`, true}, "console": {"\tinfo\tmade a key\t{\"file\": \"k\"}", false}} {
		var out bytes.Buffer
		logger, err := newLogger("info", format, &out)
		if err != nil {
			t.Fatal(err)
		}
		logger.Info("made a key", zap.String("file", "k"))
		if line := out.String(); !strings.Contains(line, want.text) || json.Valid(out.Bytes()) != want.json {
			t.Errorf("%s: %q", format, line)
		}
	}
}
