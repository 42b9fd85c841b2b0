# Installs, then builds and runs the consumer project and the example of index/README.md; any step
# that fails, and any answer but the right one, is a fatal error.
function(run)
  execute_process(COMMAND ${ARGN} OUTPUT_VARIABLE output ERROR_VARIABLE output RESULT_VARIABLE result)
  if(NOT result EQUAL 0)
    message(FATAL_ERROR "${ARGN}\nended ${result}:\n${output}")
  endif()
  set(output "${output}" PARENT_SCOPE)
endfunction()

# The first C++ block after the marker, as it stands in the document.
file(READ ${README} text)
string(FIND "${text}" "<!-- example -->" begin)
if(begin EQUAL -1)
  message(FATAL_ERROR "${README} has no <!-- example --> marker")
endif()
string(SUBSTRING "${text}" ${begin} -1 text)
string(FIND "${text}" "```cpp\n" begin)
math(EXPR begin "${begin} + 7")
string(SUBSTRING "${text}" ${begin} -1 text)
string(FIND "${text}" "\n```" end)
string(SUBSTRING "${text}" 0 ${end} text)

file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
file(WRITE ${WORK}/readme_example.cc "${text}\n")
run(${CMAKE_COMMAND} --install ${TESSERA_BUILD} --component library --prefix ${WORK}/prefix)
run(${CMAKE_COMMAND} -S ${SOURCE} -B ${WORK}/build -G ${GENERATOR} -D CMAKE_BUILD_TYPE=Release
  -D CMAKE_CXX_COMPILER=${COMPILER} -D CMAKE_PREFIX_PATH=${WORK}/prefix
  -D README_EXAMPLE=${WORK}/readme_example.cc)
run(${CMAKE_COMMAND} --build ${WORK}/build)

run(${WORK}/build/consumer ${WORK}/consumer_data)
if(NOT output STREQUAL "2 2\n1 13\n")
  message(FATAL_ERROR "the consumer answered: ${output}")
endif()
run(${WORK}/build/readme_example ${WORK}/example_data)
if(NOT output MATCHES "nearest to doc-7: doc-7")
  message(FATAL_ERROR "the example of index/README.md answered: ${output}")
endif()
message(STATUS "${output}")
