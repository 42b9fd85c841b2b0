// The command line of bench_load.
#pragma once

#include <cstddef>
#include <string>

#include "index/collection.h"

namespace tessera::bench {

struct Options {
  std::string echo_port_file;  // set: be the echo server, tell its address there
  std::string listen = "127.0.0.1:0";

  std::string tesserad;  // program to start on `data`
  std::string data;
  std::string server;   // or one that runs already: address
  int server_pid = -1;  // and its process
  std::string library;  // data directory for the library's own figures; empty: none
  std::string collection;
  std::string queries;  // file
  size_t max_queries = 1000;
  QueryParams params;

  std::string mode = "all";  // all, query, batch, echo
  size_t batch = 1000;
  size_t outstanding = 8;
  size_t batch_outstanding = 2;
  size_t connections = 2;
  double rate = 0;
  double seconds = 1;
  size_t rounds = 5;
  std::string server_flags;  // more of tesserad's, separated by spaces
};

// 0: go on; else the exit code less one, after what there is to say has been printed.
int ParseOptions(int argc, char** argv, Options& options);

}  // namespace tessera::bench
