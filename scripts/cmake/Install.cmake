# cmake --install build/cpu --prefix X: a tree that can be moved.
#
#   bin/millesime    looks for libraries in ../lib/millesime and for configs in ../share/millesime/configs
#   lib/millesime    the networks, LibTorch and what it needs of the Python environment (cuda flavour: about 5 GB); the libraries of the
#                    distribution's packages are not copied
#   share/millesime  configs
#   share/...        completion of command lines, where bash, zsh and fish look for it

include(GNUInstallDirs)
set_target_properties(millesime PROPERTIES INSTALL_RPATH "$ORIGIN/../lib/millesime")
set_target_properties(millesime_networks_library PROPERTIES INSTALL_RPATH "$ORIGIN")
install(TARGETS millesime millesime_networks_library RUNTIME_DEPENDENCY_SET from_venv RUNTIME DESTINATION bin LIBRARY DESTINATION lib/millesime)
install(RUNTIME_DEPENDENCY_SET from_venv
  PRE_EXCLUDE_REGEXES "^libcuda\\.so" "^libnvidia-ml\\.so"  # the driver's own
  POST_INCLUDE_REGEXES "^${MILLESIME_VENV}/"
  POST_EXCLUDE_REGEXES ".*"
  LIBRARY DESTINATION lib/millesime)
if(MILLESIME_CUDA)
  # Loaded by name while it runs, so no dependency names them.
  file(GLOB loaded_by_name ${MILLESIME_SITE_PACKAGES}/nvidia/cudnn/lib/libcudnn*.so.9
    ${MILLESIME_SITE_PACKAGES}/nvidia/cu13/lib/libnvrtc*.so.13* ${MILLESIME_SITE_PACKAGES}/nvidia/cu13/lib/libnvJitLink.so.13
    ${MILLESIME_SITE_PACKAGES}/torch/lib/libtorch_cuda_linalg.so ${MILLESIME_SITE_PACKAGES}/torch/lib/libcaffe2_nvrtc.so)
  install(FILES ${loaded_by_name} DESTINATION lib/millesime)
endif()
install(DIRECTORY configs DESTINATION share/millesime)
# Made by the program that is installed, from its declarations.
foreach(completion bash:bash-completion/completions/millesime zsh:zsh/site-functions/_millesime fish:fish/vendor_completions.d/millesime.fish)
  string(REPLACE ":" ";" completion ${completion})
  list(GET completion 0 shell)
  list(GET completion 1 place)
  get_filename_component(folder ${place} DIRECTORY)
  get_filename_component(name ${place} NAME)
  set(script ${CMAKE_BINARY_DIR}/completion/${shell})
  install(CODE "
    file(MAKE_DIRECTORY ${CMAKE_BINARY_DIR}/completion)
    execute_process(COMMAND $<TARGET_FILE:millesime> completion ${shell} OUTPUT_FILE ${script} COMMAND_ERROR_IS_FATAL ANY)")
  install(FILES ${script} DESTINATION share/${folder} RENAME ${name})
endforeach()
install(FILES README.md CHANGELOG.md LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR})
