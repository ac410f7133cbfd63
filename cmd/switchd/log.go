package main

import (
	"fmt"
	"io"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"switchyard/internal/mutant"
)

// newLogger writes what is of a level and above: as JSON, an object a line, or on the console as a person reads it. No
// line is left out because many are like it: of 1,500 parked advices each has its error, and at debug each request has
// its line. What others could cause without bound (strays, refused frames, links that stay down) is bounded where it is
// logged.
func newLogger(level, format string, out io.Writer) (*zap.Logger, error) {
	l, err := zapcore.ParseLevel(level)
	if err != nil {
		return nil, fmt.Errorf("log.level: %q: expected debug, info, warn or error", level)
	}
	encoding := zap.NewProductionEncoderConfig()
	encoding.EncodeTime = zapcore.RFC3339NanoTimeEncoder
	var encoder zapcore.Encoder
	switch format {
	case "json":
		encoder = zapcore.NewJSONEncoder(encoding)
	case "console":
		encoder = zapcore.NewConsoleEncoder(encoding)
	default:
		return nil, fmt.Errorf("--log-format: %q: expected json or console", format)
	}
	core := zapcore.NewCore(encoder, zapcore.Lock(zapcore.AddSync(out)), l)
	if mutant.On(mutant.LogSampled) {
		const first, thereafter = 100, 100
		core = zapcore.NewSamplerWithOptions(core, time.Second, first, thereafter)
	}
	return zap.New(core), nil
}
