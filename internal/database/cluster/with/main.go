// Command with runs a command with a PostgreSQL server of its own, whose superuser URL is in GYRO_TEST_POSTGRES:
//
//	go run ./internal/database/cluster/with go test ./...
//
// The server ends with the command. An interrupt is the command's to answer, too.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"gyro/internal/database/cluster"
)

func main() { os.Exit(run(os.Args[1:])) } //nolint:forbidigo // this is a command

// run returns the status of the command.
func run(args []string) int {
	if len(args) == 0 {
		fmt.Fprintln(os.Stderr, "with: give a command to run")
		return 2
	}
	if os.Getenv("GYRO_TEST_POSTGRES") != "" {
		return command(args, os.Environ())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	server, err := cluster.Start(ctx, cluster.Options{})
	if err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
		return 1
	}
	status := command(args, append(os.Environ(), "GYRO_TEST_POSTGRES="+server.URL("postgres")))
	if err := server.Stop(); err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
		return max(status, 1)
	}
	return status
}

// command runs args. Signals of the terminal reach it by itself; one that is sent to us alone is handed on.
func command(args, environment []string) int {
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = environment, os.Stdin, os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintln(os.Stderr, "with:", err)
		return 1
	}
	terminated := make(chan os.Signal, 1)
	signal.Notify(terminated, syscall.SIGTERM)
	defer signal.Stop(terminated)
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		select {
		case s := <-terminated:
			_ = cmd.Process.Signal(s) // it may have ended just now
		case err := <-ended:
			if exit := (*exec.ExitError)(nil); errors.As(err, &exit) {
				return max(exit.ExitCode(), 1)
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, "with:", err)
				return 1
			}
			return 0
		}
	}
}
